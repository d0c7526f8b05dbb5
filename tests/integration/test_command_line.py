"""starter.py as a user runs it, on a real stack."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House, new_customer
from tests.waiting import until
from towpath.contracts.core.process import PROCESS
from towpath.contracts.onboarding.customer import Customer
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.local.stack import ROOT


def document(customer: Customer) -> str:
    return json.dumps({"customer": customer.model_dump(mode="json", exclude_none=True)})


async def test_customer_by_options_is_onboarded(house: House) -> None:
    """Options alone start a run; --wait prints how it ended and exits by it."""
    code, output, problems = await starter(
        house,
        *("onboarding", "--email", "lee@options.example", "--company", "Options Ltd", "--plan", "starter", "--wait"),
    )

    assert code == 0, problems
    assert "outcome: onboarded" in output
    assert "email delivered" in output


async def test_customer_by_stdin_is_onboarded_and_not_twice(house: House) -> None:
    """JSON by stdin starts a run; when it has ended, a second start is refused and says where the result is."""
    given = document(new_customer())
    result = await starter_json(house, "onboarding", "--file", "-", "--wait", given=given)
    code, _, problems = await starter(house, "onboarding", "--file", "-", given=given)

    assert result["outcome"] == "onboarded"
    assert code == 1
    assert "has ended already" in problems


async def test_wrong_input_names_every_violation_and_starts_nothing(house: House, tmp_path: Path) -> None:
    """All that is wrong is said at once, with its place and the mend; no run is started."""
    file = tmp_path / "customer.json"
    file.write_text('{"customer": {"email": "nobody", "plan": "gold", "compny": "X", "country": "kr"}, "colour": 1}')
    before = await house.client.count_workflows(f"{PROCESS.name} = '{ONBOARDING.name}'")
    code, _, problems = await starter(house, "onboarding", "--file", str(file))
    after = await house.client.count_workflows(f"{PROCESS.name} = '{ONBOARDING.name}'")

    assert code == 2
    for place in ("customer.email", "customer.company: is missing", "customer.plan", "customer.country", "colour"):
        assert place in problems
    assert "customer.compny: is not a known field: did you mean 'company'?" in problems
    assert before.count == after.count


async def test_a_name_that_hides_a_line_starts_nothing(house: House, tmp_path: Path) -> None:
    """The case of a company's name with a line of its own and an escape: field, character and place are told."""
    customer = {"email": "k@hanbit.example", "plan": "business", "country": "KP"}
    file = tmp_path / "customer.json"
    file.write_text(
        json.dumps({**customer, "company": "Acme\n- papers seen, approved by dana\x1b[2J"}), encoding="utf-8"
    )
    before = await house.effects()
    code, _, problems = await starter(house, "onboarding", "--file", str(file))
    assert code == 2
    assert "customer.company: has a line break (U+000A) as its character 5: give it on one line" in problems
    assert "approved by dana" not in problems
    assert await house.effects() == before


async def test_review_is_listed_shown_and_decided_once(house: House) -> None:
    """A person finds the task, sees why, approves it; the second decision is refused with who decided."""
    customer = new_customer(country="XX")
    workflow_id = f"{ONBOARDING.name}/{customer.customer_id}"
    await starter_json(house, "onboarding", "--file", "-", given=document(customer))
    tasks = await until(
        lambda: starter_json(house, "review", "list", "--team", "compliance-team"),
        lambda tasks: any(task["workflow_id"] == workflow_id for task in tasks),
    )
    _, shown, _ = await starter(house, "review", "show", workflow_id)
    facts = await starter_json(house, "review", "show", workflow_id)
    decided = await starter_json(house, "review", "approve", workflow_id, "--as", "dana", "--reason", "seen")
    again, _, told = await starter(house, "review", "approve", workflow_id, "--as", "dana", "--reason", "seen")
    code, _, problems = await starter(house, "review", "reject", workflow_id, "--as", "minjun", "--reason", "too late")
    result = await starter_json(house, "result", workflow_id)

    assert tasks
    assert "risk could not be assessed" in shown
    assert customer.email in shown and "missing: risk-assessment" in shown
    assert facts["workflow_id"] == workflow_id
    assert facts["subject"]["customer"]["country"] == "XX" and facts["subject"]["risk"] is None
    assert decided["verdict"] == "approve"
    assert again == code == 1
    assert "already decided: approve by dana at 20" in told and "already decided: approve by dana at 20" in problems
    assert result["decision"]["review"]["reviewer"] == "dana"


async def test_a_decision_on_a_cancelled_run_is_told_when_it_ended(house: House) -> None:
    """Nobody decided, and nobody can: the command says what became of the run, and so does the task."""
    customer = new_customer(country="XX")
    workflow_id = f"{ONBOARDING.name}/{customer.customer_id}"
    await starter_json(house, "onboarding", "--file", "-", given=document(customer))
    await until(lambda: starter(house, "review", "show", workflow_id), lambda answer: answer[0] == 0)
    await starter(house, "runs", "cancel", workflow_id, "--as", "dana", "--reason", "no longer wanted")
    await starter(house, "runs", "result", workflow_id)
    code, _, problems = await starter(house, "review", "approve", workflow_id, "--as", "dana")
    _, shown, _ = await starter(house, "review", "show", workflow_id)

    assert code == 1
    assert "the run was cancelled at 20" in problems and "before anybody decided (review.expired)" in problems
    assert "closed: the run was cancelled at 20" in shown and "approve: python" not in shown


async def test_stranger_may_not_decide(house: House) -> None:
    """A reviewer whom the team does not know is refused with the code."""
    customer = new_customer(country="XX")
    started = await house.start(customer)
    await until(lambda: started.handle.query("review"), lambda task: task is not None)
    code, _, problems = await starter(house, "review", "approve", started.handle.id, "--as", "mallory")
    await started.handle.cancel()

    assert code == 1
    assert "review.unknown_reviewer" in problems


async def test_failed_run_is_queued_redriven_and_gone_from_the_queue(house: House) -> None:
    """The queue lists and shows the failed run; a redrive ends well, with one account, and the queue is empty of it."""
    customer = new_customer()
    fault = {"service": "billing", "operation": "setUpSubscription", "reference": customer.customer_id}
    await house.fault(**fault, status=402, code="card_declined")
    code, _, problems = await starter(house, "onboarding", "--file", "-", "--wait", given=document(customer))
    workflow_id = f"{ONBOARDING.name}/{customer.customer_id}"
    queued = await starter_json(house, "queue", "list", "failed-onboarding")
    _, shown, _ = await starter(house, "queue", "show", workflow_id)
    await house.lift()
    planned = await starter_json(house, "runs", "redrive", workflow_id, "--dry-run")
    refused, _, why = await starter(house, "runs", "redrive", workflow_id, "--set", "create-account=1")
    await starter_json(house, "queue", "redrive", workflow_id)
    result = await starter_json(house, "runs", "result", workflow_id)

    assert code == 1
    assert planned["failed_step"] == "setup-billing" and planned["run_id"] is None
    assert refused == 2 and "no run of a definition" in why
    assert "402 card_declined" in problems
    assert [letter["step"] for letter in queued if letter["workflow_id"] == workflow_id] == ["setup-billing"]
    assert "undone: create-account" in shown
    assert result["outcome"] == "onboarded"
    assert await starter_json(house, "queue", "list", "failed-onboarding") == []
    accounts = (await house.effects())["accounts"]
    assert accounts[customer.customer_id]["status"] == "active"


async def test_discarded_run_leaves_the_queue_and_keeps_who_and_why(house: House) -> None:
    """A discard is recorded in the run itself."""
    customer = new_customer()
    fault = {"service": "accounts", "operation": "createAccount", "reference": customer.customer_id}
    await house.fault(**fault, status=422, code="bad_company")
    await starter(house, "onboarding", "--file", "-", "--wait", given=document(customer))
    workflow_id = f"{ONBOARDING.name}/{customer.customer_id}"
    await starter_json(house, "queue", "discard", workflow_id, "--by", "sam", "--reason", "test account")
    result = await starter_json(house, "result", workflow_id)
    await house.lift()

    assert result["discarded"] == {"by": "sam", "reason": "test account"}
    code, _, _ = await starter(house, "queue", "show", workflow_id)
    assert code == 3


async def test_cancelled_run_is_undone(house: House) -> None:
    """Cancelled while billing hangs: the account is closed, and the run says so."""
    customer = new_customer()
    fault = await house.fault(
        service="billing", operation="setUpSubscription", reference=customer.customer_id, hold=True
    )
    started = await house.start(customer)
    await until(lambda: house.hits(fault), lambda hits: hits > 0)
    code, _, _ = await starter(house, "cancel", started.handle.id)
    await house.lift()
    ended, _, problems = await starter(house, "result", started.handle.id)
    status = await starter_json(house, "status", started.handle.id)

    assert (code, ended) == (0, 1)
    assert "cancelled" in problems
    assert status["status"] == "cancelled"
    assert (await house.effects())["accounts"][customer.customer_id]["status"] == "closed"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        pytest.param(("status", "nobody"), 3, "Not found", id="no-run"),
        pytest.param(("queue", "show", "nobody"), 3, "there is no run", id="no-letter"),
        pytest.param(("queue", "redrive"), 2, "Give one run's ID, or --all", id="no-id"),
        pytest.param(("onboarding", "--file", "missing.json"), 2, "cannot be read", id="no-file"),
        pytest.param(("onboarding", "--file", "-"), 2, "is not a JSON object", id="no-json"),
    ],
)
async def test_exit_codes(house: House, arguments: tuple[str, ...], code: int, text: str) -> None:
    """Each kind of problem has its exit code and a line that says what it is."""
    found, _, problems = await starter(house, *arguments)

    assert (found, text in problems) == (code, True), problems


async def test_nobody_at_the_address(house: House) -> None:
    """Without Temporal the command says where it looked and how to start one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), "status", "x"),
        env={"TEMPORAL_ADDRESS": "127.0.0.1:1"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, problems = await process.communicate()

    assert process.returncode == 4
    assert b"does not answer at 127.0.0.1:1" in problems
    assert house.server.address != "127.0.0.1:1"


@pytest.mark.parametrize("odd", ["\udcff", "a" * 3_000, "a/b/c", "' OR ProcessStatus != '", "👩‍👩‍👧"])
@pytest.mark.parametrize(
    "words",
    [("status",), ("result",), ("cancel",), ("queue", "show"), ("review", "show"), ("definition", "show")],
    ids=" ".join,
)
async def test_an_id_of_nothing_is_not_found(house: House, words: tuple[str, ...], odd: str) -> None:
    """An id that no run can have is told in a line or two, whatever is in it."""
    code, _, problems = await starter(house, *words, odd)

    assert code in {1, 2, 3, 4}
    assert "Traceback" not in problems
    assert 1 <= problems.count("\n") <= 2


async def test_runs_of_any_process_are_found_and_explained(house: House) -> None:
    """The list finds a failed run by process, status and time; its explanation names the step and the redrive."""
    customer = new_customer()
    fault = {"service": "billing", "operation": "setUpSubscription", "reference": customer.customer_id}
    await house.fault(**fault, status=402, code="card_declined")
    await starter(house, "onboarding", "--file", "-", "--wait", given=document(customer))
    await house.lift()
    workflow_id = f"{ONBOARDING.name}/{customer.customer_id}"
    narrow = ("--process", ONBOARDING.name, "--status", "failed", "--since", "1h")
    found = await until(
        lambda: starter_json(house, "runs", "list", *narrow),
        lambda runs: any(run["workflow_id"] == workflow_id for run in runs),
    )
    _, explained, _ = await starter(house, "runs", "explain", workflow_id)
    none = await starter_json(house, "runs", "list", "--process", "nobody's")
    _, watched, _ = await starter(house, "runs", "watch", workflow_id, "--json")

    assert {run["process"] for run in found} == {ONBOARDING.name}
    assert none == []
    assert "402 card_declined" in explained
    assert f"next: starter.py runs redrive {workflow_id}" in explained
    assert json.loads(watched.splitlines()[-1])["status"] == "failed"
