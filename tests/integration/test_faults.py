"""Faults on order, as somebody who has `make up` running gives them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from towpath.local.state import locked
from towpath.local.tokens import STANDINS_FILE, keep_token

FOLDER = ".towpath"


@pytest.fixture
def state(house: House, tmp_path: Path) -> Iterator[Path]:
    """The state folder of a stack whose stand-ins are those of the tests."""
    with locked(tmp_path / FOLDER) as folder:
        folder.note({"stand-ins": house.standins.url})
        keep_token(folder.path / STANDINS_FILE, house.standins.token)
        yield tmp_path


async def test_a_run_is_put_into_the_queue_and_redriven(house: House, state: Path) -> None:
    """Billing declines until the fault is cleared; the failed run goes on where it was."""
    customer = {"customer_id": "faults-1", "email": "min@narae.example", "company": "Narae", "plan": "business"}
    ordered = await starter_json(house, "faults", "set", "billing", "set-up-subscription", "declined", folder=state)
    given = json.dumps({"customer": customer})
    code, _, problems = await starter(house, "onboarding", "--file", "-", "--wait", given=given, folder=state)
    assert code == 1, problems
    assert "402 declined" in problems
    _, shown, _ = await starter(house, "faults", "list", folder=state)
    assert shown.splitlines()[1].split()[1:5] == ["billing", "setUpSubscription", "declined", "1"]
    code, told, _ = await starter(house, "faults", "clear", str(ordered["id"]), folder=state)
    assert (code, told) == (0, "cleared 1 fault\n")
    code, _, problems = await starter(house, "queue", "redrive", "faults-1", folder=state)
    assert code == 0, problems
    result = await starter_json(house, "result", "faults-1", folder=state)
    assert result["outcome"] == "onboarded"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("set", "biling", "x", "declined"), 2, "no service 'biling' among the stand-ins", id="service"),
        pytest.param(
            ("set", "billing", "create", "declined"),
            2,
            "billing has no operation 'create'; it has: setUpSubscription, cancelSubscription",
            id="operation",
        ),
        pytest.param(("set", "crm", "updateStatus", "broken"), 2, "no fault 'broken'; there are: una", id="kind"),
        pytest.param(("clear", "999"), 3, "fault 999 is not ordered", id="number"),
        pytest.param(("list", "--state", "elsewhere"), 4, "No local stack is up with its state", id="down"),
    ],
)
async def test_what_cannot_be_ordered(
    house: House, state: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """A word says what is wrong and what there is, and nothing happens."""
    ended, _, problems = await starter(house, "faults", *arguments, folder=state)
    assert (ended, said in problems) == (code, True), problems
