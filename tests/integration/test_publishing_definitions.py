"""Publishing a definition that is broken off: what it leaves is shown, and publishing again completes it."""

from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from temporalio.client import (
    Client,
    CreateScheduleInput,
    DeleteScheduleInput,
    Interceptor,
    OutboundInterceptor,
    ScheduleHandle,
    StartWorkflowUpdateWithStartInput,
    UpdateScheduleInput,
    WorkflowUpdateHandle,
)

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from tests.integration.definitions import document
from towpath.contracts.declared.published import DEFINITION, DefinitionRecord, Publication
from towpath.contracts.declared.run import DECLARED
from towpath.control.definitions import Definitions, make_request
from towpath.control.schedules import Schedules
from towpath.control.temporal import interceptors
from towpath.engine.checks.loading import digest, load_plan

FIRST = """
id: {name}
version: "1.0.0"
triggers:
  - {{type: schedule, cron: "0 1 * * *"}}
  - {{type: schedule, cron: "0 2 * * *"}}
steps: [{{id: only, type: set, config: {{a: 1}}}}]
"""
SECOND = """
id: {name}
version: "2.0.0"
triggers:
  - {{type: schedule, cron: "0 3 * * *", timezone: "Europe/Berlin"}}
monitoring: {{alerts: [{{condition: "success_rate < 0.9", channel: slack}}]}}
steps: [{{id: only, type: set, config: {{a: 2}}}}]
"""
STALE, LEFT, MISSING = "0 is not of the latest version", "1 is left from an earlier version", "success-rate is missing"
ResultT = TypeVar("ResultT")


class KilledError(Exception):
    """The publisher is gone."""


class Killing(Interceptor):
    """Lets so many calls that change something be made, and after the last of them nothing more."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Killed(next, self)

    async def made(self, call: Awaitable[ResultT]) -> ResultT:
        self._left -= 1
        try:
            return await call
        finally:
            if self._left == 0:
                raise KilledError


def dying(client: Client, calls: int) -> Client:
    """The same client, until it has made so many calls."""
    convert = client.data_converter
    return Client(client.service_client, data_converter=convert, interceptors=[Killing(calls), *interceptors(convert)])


class _Killed(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, killing: Killing) -> None:
        super().__init__(next)
        self._killing = killing

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        return await self._killing.made(super().start_update_with_start_workflow(input))

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        return await self._killing.made(super().create_schedule(input))

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        await self._killing.made(super().update_schedule(input))

    async def delete_schedule(self, input: DeleteScheduleInput) -> None:
        await self._killing.made(super().delete_schedule(input))


async def publish(client: Client, text: str, name: str) -> None:
    given = document(text.format(name=name))
    publication = Publication(document=given, source=text, digest=digest(given), by="kim")
    await Definitions(client).publish(name, publication)
    await Schedules(client).reconcile(load_plan(digest(given), given), make_request(given, digest(given), None))


@pytest.mark.parametrize(
    ("calls", "problems"),
    [
        pytest.param(1, [MISSING, STALE, LEFT], id="the-record"),
        pytest.param(2, [MISSING, STALE, LEFT], id="a-schedule-that-is-there"),
        pytest.param(3, [MISSING, LEFT], id="changed-schedule"),
        pytest.param(4, [LEFT], id="made-schedule"),
        pytest.param(5, [], id="removed-schedule"),
    ],
)
async def test_broken_off_after_each_call(house: House, calls: int, problems: list[str], tmp_path: Path) -> None:
    """`show` and `list` say what is wrong, publishing again mends it, and a paused schedule stays paused."""
    name = f"half-{uuid4().hex[:8]}"
    await publish(house.client, FIRST, name)
    await house.client.get_schedule_handle(f"{name}/0").pause()
    killed = dying(house.client, calls)
    with pytest.raises(KilledError):
        await publish(killed, SECOND, name)
    half = await starter_json(house, "definition", "show", name)
    code, _, told = await starter(house, "definition", "list")
    file = tmp_path / "again.yaml"
    file.write_text(SECOND.format(name=name))
    again = await starter_json(house, "definition", "publish", str(file), "--by", "kim")
    whole = await starter_json(house, "definition", "show", name)

    assert half["problems"] == [f"schedule {name}/{problem}" for problem in problems]
    assert code == 0
    for problem in {*problems} - {LEFT}:
        assert f"{name}: schedule {name}/{problem}: publish it again" in told
    assert not again["new"] and whole["problems"] == []
    assert "Europe/Berlin" in again["schedules"][0] and len(whole["firings"][0]["firings"]) == 5
    assert (await house.client.get_schedule_handle(f"{name}/0").describe()).schedule.state.paused


async def test_a_schedule_that_is_not_there_is_told(house: House) -> None:
    """Killed after its record, a first publishing has no schedules yet: that is no reason to show nothing."""
    name = f"half-{uuid4().hex[:8]}"
    killed = dying(house.client, 1)
    with pytest.raises(KilledError):
        await publish(killed, FIRST, name)
    code, shown, told = await starter(house, "definition", "show", name)

    assert code == 0 and "1.0.0" in shown
    assert told.splitlines() == [f"{name}: schedule {name}/{number} is missing: publish it again" for number in (0, 1)]


async def test_a_record_without_a_version_disturbs_nobody(house: House, tmp_path: Path) -> None:
    """The worker died before it took the first version: events still go out, and publishing again begins it."""
    name = f"half-{uuid4().hex[:8]}"
    await house.client.start_workflow(
        DEFINITION, DefinitionRecord(id=name), id=f"{DEFINITION}/{name}", task_queue=DECLARED
    )
    missing, _, why = await starter(house, "definition", "show", name)
    listed, _, told = await starter(house, "definition", "list")
    emitted, _, problems = await starter(house, "emit", "--type", "test.nobody")
    file = tmp_path / "again.yaml"
    file.write_text(FIRST.format(name=name))
    again = await starter_json(house, "definition", "publish", str(file), "--by", "kim")

    assert missing == 3 and f"no definition '{name}' is published" in why
    assert listed == 0 and f"{name}: nothing of it is published: publish it again" in told
    assert emitted == 0, problems
    assert again["new"]
