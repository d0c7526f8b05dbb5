"""With encryption keys, Temporal's history holds nothing of the customer in clear, failures included."""

import base64
import json
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowFailureError

from tests.integration.conftest import House, new_customer
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.onboarding.customer import OnboardingFailure, OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control import reviews
from towpath.control.deadletters import find_letter
from towpath.control.temporal import converter, interceptors, start
from towpath.integrations.storage.codec import EncryptionCodec

KEY = bytes(range(32))
PRIVATE = ("Verysecret", "Hiddenname", "topsecret.example", "papers-seen-by-nobody")


async def test_history_holds_no_customer_data_in_clear(bare_house: House) -> None:
    """A run with review, retry, failure and undo: all of its history is searched for what the customer gave."""
    customer = new_customer(
        email="kim@topsecret.example", company="Verysecret Ltd", contact_name="Hiddenname", country="XX"
    )
    convert = converter(EncryptionCodec({"k1": KEY}))
    client = await Client.connect(bare_house.server.address, data_converter=convert, interceptors=interceptors(convert))
    reference = customer.customer_id
    await bare_house.fault(service="accounts", operation="createAccount", status=503, times=1)
    await bare_house.fault(service="billing", operation="setUpSubscription", reference=reference, status=402)
    env = {"TOWPATH_ENCRYPTION_KEYS": f"k1:{base64.b64encode(KEY).decode()}"}
    async with bare_house.worker(env):
        request = OnboardingRequest(customer=customer)
        run = await start(client, ONBOARDING, request, workflow_id=ONBOARDING.workflow_id(request, b""))
        await until(lambda: reviews.find_review(client, run.handle.id), lambda task: task is not None)
        decision = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="papers-seen-by-nobody")
        await reviews.decide(client, run.handle.id, decision)
        with pytest.raises(WorkflowFailureError):
            await run.handle.result()
        letter = await find_letter(client, run.handle.id)
    history = await bare_house.client.get_workflow_handle(run.handle.id).fetch_history()
    stored = json.dumps(_decoded(history.to_json_dict()), ensure_ascii=False)

    assert isinstance(letter.failure, OnboardingFailure)
    assert letter.failure.request.customer == customer
    assert "binary/encrypted" in stored
    for private in PRIVATE:
        assert private not in stored


def _decoded(value: Any) -> Any:
    """The history with every base64 text beside its bytes: what is merely encoded is not encrypted."""
    if isinstance(value, dict):
        return {name: _decoded(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_decoded(item) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        try:
            return [value, base64.b64decode(value, validate=True).decode(errors="replace")]
        except ValueError:
            return value
    return value
