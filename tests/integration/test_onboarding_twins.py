"""The onboarding as a class and as a definition, against the same stand-ins: their effects are the same."""

import json
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError

from tests.integration.conftest import House
from tests.integration.definitions import Handle, record, shipped, start
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.onboarding.customer import Customer
from towpath.control import deadletters, reviews

TWIN = shipped("customer-onboarding")
FACTS: JsonObject = {
    "company": "Hanbit Logistics",
    "plan": "business",
    "website": "https://hanbit.example",
    "country": "KR",
    "employees": 120,
    "language": "en",
}


async def both(house: House, **fields: Any) -> tuple[Any, Handle, str]:
    """One run of each with the same customer; only the keys differ."""
    email = f"kim-{uuid4().hex[:8]}@hanbit.example"
    customer: JsonObject = {**FACTS, "email": email, **fields}
    own = f"class-{uuid4().hex[:8]}"
    of_class = await house.start(Customer.model_validate({**customer, "customer_id": own}))
    twin = await start(house, TWIN, {"customer": customer}, key=f"twin-{own}")
    return of_class.handle, twin, email


async def effects(house: House, handle: Any, email: str) -> dict[str, Any]:
    """What a run did outside, without the ids that the services gave."""
    reference = handle.id.partition("/")[2]
    seen = await house.effects()
    messages = (await house.http.get("/_standins/messages")).json()
    return {
        "account": seen["accounts"].get(reference, {}).get("status"),
        "subscription": seen["subscriptions"].get(reference, {}).get("status"),
        "crm": seen["statuses"].get(reference),
        "mails": sorted((mail["subject"], mail["body"]) for mail in messages["mail"] if email in mail["to"]),
    }


async def compare(house: House, first: Any, second: Handle, email: str) -> dict[str, Any]:
    """The effects of both, which must be the same; each mail is there twice, once from each."""
    one, other = await effects(house, first, email), await effects(house, second, email)
    assert one == other
    mails = one["mails"]
    assert [mail for mail in mails if mails.count(mail) != 2] == []
    return one


async def test_low_risk_twins(house: House) -> None:
    """Approved by policy: account, subscription, status and mail are the same, and the announcement is posted twice."""
    first, second, email = await both(house)
    await first.result()
    result = await second.result()
    seen = await compare(house, first, second, email)
    assert seen["account"] == "active" and seen["crm"] == "onboarded" and len(seen["mails"]) == 2
    assert result.outputs["kit_source"] == "model" and result.outputs["decided_by"] == "policy"
    messages = (await house.http.get("/_standins/messages")).json()
    posts = [post["text"] for post in messages["slack"] if post["channel"] == "#new-customers"]
    assert posts.count("New customer onboarded: Hanbit Logistics (business)") == 2
    assert (await house.effects())["applied_twice"] == []


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_high_risk_twins(house: House, verdict: Verdict) -> None:
    """A high risk waits for a person in both; approved both provision, rejected neither does anything."""
    first, second, email = await both(house, country="IR", website="https://elsewhere.example")
    for handle in (first, second):
        task = await until(
            lambda handle=handle: reviews.find_review(house.client, handle.id), lambda task: task is not None
        )
        assert task is not None and task.team == "compliance-team"
        decision = Decision(verdict=verdict, reviewer="dana", reason="papers seen")
        await reviews.decide(house.client, handle.id, decision)
    await first.result()
    result = await second.result()
    seen = await compare(house, first, second, email)
    assert seen["account"] == ("active" if verdict is Verdict.APPROVE else None)
    assert result.outcome == ("completed" if verdict is Verdict.APPROVE else "rejected")


async def test_refused_billing_twins(house: House) -> None:
    """Billing refused: both undo the account, tell operations, and lie in the same queue."""
    fault = await house.fault(service="billing", operation="setUpSubscription", status=402, code="card_declined")
    first, second, email = await both(house)
    for handle in (first, second):
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    await house.http.delete("/_standins/faults", params={"id": fault})
    seen = await compare(house, first, second, email)
    assert seen["account"] == "closed" and seen["crm"] is None and seen["mails"] == []
    letters = [await deadletters.find_letter(house.client, handle.id) for handle in (first, second)]
    assert {letter.letter.queue for letter in letters} == {"failed-onboarding"}
    assert {letter.letter.step for letter in letters} == {"setup-billing"}
    assert all("create-account" in letter.letter.undone for letter in letters)


async def test_dead_channel_twins(house: House) -> None:
    """The CRM refuses the status: both end well all the same, and their steps say what was not delivered."""
    fault = await house.fault(service="crm", operation="updateStatus", status=400, code="refused")
    first, second, email = await both(house)
    await first.result()
    result = await second.result()
    await house.http.delete("/_standins/faults", params={"id": fault})
    seen = await compare(house, first, second, email)
    assert seen["crm"] is None and len(seen["mails"]) == 2
    assert '"crm": {"status": "failed"' in json.dumps(result.outputs["deliveries"])
    told = {step.step: step for run in (first, second) for step in (await record(run)).steps}
    assert told["send-crm"].state == "failed" and told["send-slack"].state == "completed"
    assert told["send-communications"].note == "not delivered: crm"


async def test_unreachable_check_goes_to_a_person(house: House) -> None:
    """When the e-mail check is down, both wait for a person instead of approving by policy."""
    fault = await house.fault(service="email-check", operation="checkEmail", status=503)
    first, second, _ = await both(house)
    for handle in (first, second):
        await until(lambda handle=handle: reviews.find_review(house.client, handle.id), lambda task: task is not None)
        await handle.cancel()
    await house.http.delete("/_standins/faults", params={"id": fault})
    states = {step.step: str(step.state) for step in (await record(second)).steps}
    assert states["verify-email"] == "degraded"
