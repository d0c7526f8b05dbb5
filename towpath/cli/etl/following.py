"""A pipeline's run as it goes on: partitions, rows and rows a second, the partitions under way among them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import FailureError

from towpath.cli.as_json import show_json_line
from towpath.cli.connection import page_of, say_started
from towpath.cli.endings import ended_run, show_end
from towpath.cli.status import read_record
from towpath.cli.terminal import Exit, console, fail
from towpath.contracts.core.process import DATA_QUEUE
from towpath.contracts.core.run import RunRecord
from towpath.contracts.pipeline.pipeline import PipelineResult
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.view import PipelineView, StageProgress
from towpath.control.placing import of_activity
from towpath.control.temporal import Started
from towpath.views.live import RunView, WatchedRun, panel
from towpath.views.wording import count

POLL_SECONDS = 0.5
QUEUES = (
    (PIPELINE.queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    (DATA_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
)
LISTENING = timedelta(seconds=90)
"""A worker asks for tasks at least once a minute."""
STEP_FIELDS = {"step", "state", "attempts", "note", "failure", "waiting"}


@dataclass(slots=True)
class UnderWay:
    """Partitions of a stage that are being worked on, with the rows that they have so far."""

    partitions: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A run at one moment; `troubles` is what is being tried again, and why."""

    record: RunRecord
    view: PipelineView
    under_way: dict[str, UnderWay]
    troubles: tuple[str, ...]

    def going(self, stage: StageProgress) -> UnderWay:
        return self.under_way.get(stage.stage, UnderWay())

    def as_json(self) -> dict[str, object]:
        """What has changed when it differs; a rate moves with the clock, and is left to the reader."""
        return {
            "workflow_id": self.record.workflow_id,
            "status": self.record.status,
            "steps": [step.model_dump(mode="json", include=STEP_FIELDS) for step in self.record.steps],
            "stages": [self._stage(stage) for stage in self.view.stages],
            "quarantined": self.view.quarantined,
            "retries": self.troubles,
        }

    def _stage(self, stage: StageProgress) -> dict[str, object]:
        going = self.going(stage)
        return {**stage.model_dump(mode="json"), "rows": stage.rows + going.rows, "under_way": going.partitions}


async def finish(temporal: Client, started: Started, *, as_json: bool, warnings: Sequence[str] = ()) -> None:
    """Wait for a run that was just started, print its result, and exit by it. `warnings` were told at its start."""
    handle = started.handle
    if not as_json:
        say_started(started, page_of(handle, temporal))
    await need_workers(temporal, handle.id)
    try:
        if not as_json:
            await follow(temporal, handle)
        show_end(PIPELINE, await ended_run(PIPELINE, handle, None), as_json=as_json, warnings=warnings)
    except asyncio.CancelledError:
        fail(Exit.REFUSED, f"{handle.id} goes on: starter.py etl watch {handle.id}")


async def need_workers(temporal: Client, workflow_id: str) -> None:
    """Ends the command when nobody is there to go on with the run."""
    silent = [queue for queue, kind in QUEUES if not await _is_served(temporal, queue, kind)]
    if silent:
        fail(
            Exit.UNREACHABLE,
            f"{workflow_id} waits: no worker listens on {' and '.join(silent)}",
            f"start one with `python worker.py`, then: starter.py etl watch {workflow_id}",
        )


async def _is_served(temporal: Client, queue: str, kind: TaskQueueType.ValueType) -> bool:
    request = DescribeTaskQueueRequest(
        namespace=temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    pollers = (await temporal.workflow_service.describe_task_queue(request)).pollers
    since = datetime.now(UTC) - LISTENING
    return any(one.last_access_time.ToDatetime(tzinfo=UTC) > since for one in pollers)


async def follow(temporal: Client, handle: WorkflowHandle[Any, PipelineResult]) -> None:
    """Show a run until it ends: redrawn on a terminal, a line for each change elsewhere."""
    watched = WatchedRun(handle.id)
    if not console.is_terminal:
        with RunView(console, [watched]) as lines:
            async for seen in _seen(temporal, handle):
                watched.record = seen.record
                lines.refresh()
        return
    with Live(console=console, refresh_per_second=4) as live:
        async for seen in _seen(temporal, handle):
            watched.record = seen.record
            live.update(_picture(watched, seen))


async def follow_as_json(temporal: Client, handle: WorkflowHandle[Any, PipelineResult]) -> None:
    """The same as JSON, an object a line: the whole of what is seen, whenever something of it changes."""
    last: dict[str, object] = {}
    async for seen in _seen(temporal, handle):
        told = seen.as_json()
        if told != last:
            show_json_line(told)
        last = told


async def _seen(temporal: Client, handle: WorkflowHandle[Any, PipelineResult]) -> AsyncIterator[Seen]:
    while True:
        record = await read_record(handle)
        view = await handle.query("pipeline", result_type=PipelineView)
        pending = [] if record.ended_at is not None else await _pending(temporal, handle)
        yield Seen(record, view, await _under_way(temporal, pending), await _troubles(temporal, pending))
        if record.ended_at is not None:
            return
        await asyncio.sleep(POLL_SECONDS)


Pending = tuple[str, PendingActivityInfo]
"""A workflow id and what that run waits for."""


async def _pending(temporal: Client, handle: WorkflowHandle[Any, PipelineResult]) -> list[Pending]:
    """What the run and its windows wait for, as the server has it: no worker is asked."""
    described = (await handle.describe()).raw_description
    found = [(handle.id, one) for one in described.pending_activities]
    for child in described.pending_children:
        window = temporal.get_workflow_handle(child.workflow_id, run_id=child.run_id)
        found += [(window.id, one) for one in (await window.describe()).raw_description.pending_activities]
    return found


async def _under_way(temporal: Client, pending: Sequence[Pending]) -> dict[str, UnderWay]:
    """By stage, from the heartbeats of its activities."""
    found: dict[str, UnderWay] = {}
    for workflow_id, one in pending:
        if one.heartbeat_details.payloads:
            convert = of_activity(temporal, workflow_id, one)
            decoded = await convert.decode(one.heartbeat_details.payloads, [TaskProgress])
            stage = found.setdefault(one.activity_id.rpartition("/")[0], UnderWay())
            stage.partitions += 1
            stage.rows += decoded[0].rows if isinstance(decoded[0], TaskProgress) else 0
    return found


async def _troubles(temporal: Client, pending: Sequence[Pending]) -> tuple[str, ...]:
    found: list[str] = []
    for workflow_id, one in pending:
        if one.attempt > 1 and one.last_failure.message:
            failure = await of_activity(temporal, workflow_id, one).decode_failure(one.last_failure)
            said = failure.message if isinstance(failure, FailureError) else str(failure)
            found.append(f"{one.activity_id}: attempt {one.attempt} of {one.maximum_attempts}: {said}")
    return tuple(found)


def _picture(watched: WatchedRun, seen: Seen) -> RenderableType:
    table = Table("stage", "partitions", "under way", "rows", "rows/s", box=None)
    for stage in seen.view.stages:
        going = seen.going(stage)
        rows = stage.rows + going.rows
        more = str(going.partitions) if going.partitions else ""
        table.add_row(stage.stage, f"{stage.done}/{stage.total}", more, f"{rows:,}", f"{_rate(stage, rows):,.0f}")
    told = [Text(line, style="yellow") for line in seen.troubles]
    if seen.view.quarantined:
        told.append(Text(f"{count(seen.view.quarantined, 'row')} in quarantine"))
    return Group(panel(watched), table, *told)


def _rate(stage: StageProgress, rows: int) -> float:
    if stage.started_at is None:
        return 0
    seconds = ((stage.ended_at or datetime.now(UTC)) - stage.started_at).total_seconds()
    return rows / seconds if seconds > 0 else 0
