"""Temporal's list of runs, by the filter that docs/operations.md tells: processes, without the runs that serve them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType

from tests.integration.commands import starter_json
from tests.integration.conftest import House, new_customer
from tests.waiting import until
from towpath.contracts.core.process import HELPER, ROLE
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.declared.published import DEFINITION, LAUNCHER, RATE_WATCH
from towpath.contracts.declared.run import CACHED_OUTPUT, DECLARED, ITEMS
from towpath.contracts.incident.remediation import REMEDIATION_CONTROL, SetSwitch
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.publishing.posting import POSTING_SLOTS, ReserveSlot
from towpath.control.outputs import OutputCache
from towpath.control.remediation import RemediationControl
from towpath.control.slots import SlotBook
from towpath.local.stack import ROOT

WHOLE_VIEW = f"{ROLE.name} IS NULL"
HELPERS = {POSTING_SLOTS, REMEDIATION_CONTROL, CACHED_OUTPUT, DEFINITION, LAUNCHER, RATE_WATCH, ITEMS}
NOON = datetime(2030, 6, 3, 12, 0, tzinfo=UTC)
BUSY_DEFINITION = """
id: "busy-list"
version: "1.0.0"
triggers:
  - {type: "schedule", cron: "0 3 1 1 *", for_each: {in: [1], as: "one"}}
monitoring: {metrics: ["success_rate"], alerts: [{condition: "success_rate < 95%", channel: "slack"}]}
steps:
  - id: "each"
    for_each: {times: 201, concurrency: 50}
    type: "set"
    config: {number: "{{ item }}"}
"""


COMMANDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
}


async def unnamed(house: House) -> list[str]:
    """Runs and events of them that Temporal's UI shows without a summary, of all runs there are."""
    found: list[str] = []
    async for run in house.client.list_workflows(""):
        history = await house.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        begun = {EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED}
        wanted = COMMANDS if run.workflow_type == ONBOARDING.name else COMMANDS | begun
        found += [
            f"{run.id}: {EventType.Name(event.event_type)}"
            for event in history.events
            if event.event_type in wanted and not event.user_metadata.summary.data
        ]
    return found


async def types(house: House, query: str) -> set[str]:
    return {run.workflow_type async for run in house.client.list_workflows(query)}


async def begin_records(house: House) -> None:
    wish = ReserveSlot(
        place="x/main", at=NOON, not_after=None, spacing=timedelta(minutes=30), key=EffectKey("list-view")
    )
    await SlotBook(house.client).reserve(wish)
    await RemediationControl(house.client).move(SetSwitch(by="sora", reason="to be seen"), on=False)
    await OutputCache(house.client).write("somewhere/step", "key", 1, 60)


async def test_view_shows_processes_and_no_helper(house: House, tmp_path: Path) -> None:
    """Records, parts of loops, launchers and looks at rates are helpers at once; all events have summaries."""
    definition = tmp_path / "busy-list.yaml"
    definition.write_text(BUSY_DEFINITION, encoding="utf-8")
    await begin_records(house)
    await starter_json(house, "definition", "publish", str(definition), "--by", "kim")
    for schedule in ("busy-list/0", "busy-list/success-rate"):
        await house.client.get_schedule_handle(schedule).trigger()
    await (await house.start(new_customer())).handle.result()
    role = HELPER[ROLE]
    helpers = await until(lambda: types(house, f"{ROLE.name} = '{role}'"), lambda found: found >= HELPERS)
    listed = await until(lambda: types(house, WHOLE_VIEW), lambda found: DECLARED in found)

    assert await unnamed(house) == []
    assert helpers == HELPERS
    assert listed == {ONBOARDING.name, DECLARED}


def test_view_is_the_one_that_the_documents_tell() -> None:
    """The filter of docs/operations.md is the one that is tried here."""
    assert f"\n`{WHOLE_VIEW}`\n" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
