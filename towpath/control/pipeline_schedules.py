"""Schedules of pipelines as Temporal Schedules: one each, made, changed, paused and removed by the pipeline's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from towpath.contracts.core.process import HELPER, TriggerType
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineRequest
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.pipeline.scheduling import SCHEDULED, PipelineSchedule
from towpath.control.pipelines import request_of
from towpath.control.placing import is_bare, of_run
from towpath.control.schedules import OVERLAP
from towpath.control.temporal import if_known, is_done
from towpath.temporal.attributes import search_attributes

Done = Literal["made", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule as Temporal has it. `request` is what it starts runs with; None when that cannot be read."""

    pipeline: str
    request: PipelineRequest | None
    paused: bool
    note: str
    next: Sequence[datetime]
    """The next firings, in UTC; of a paused one none is made."""
    bare: bool = False
    """What it starts runs with lies at the server unencrypted, though there are keys."""

    @property
    def schedule(self) -> PipelineSchedule | None:
        return None if self.request is None else self.request.config.schedule

    def runs(self, config: PipelineConfig) -> bool:
        """It starts the pipeline as it is now."""
        return self.request is not None and self.request == _request(config)


class PipelineSchedules:
    """A schedule's id is `etl-pipeline/PIPELINE`. What it starts goes on under the same rules as a run by hand."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, config: PipelineConfig) -> Done:
        """Make the schedule what the pipeline says. One that is paused stays paused. Needs `config.schedule`."""
        wanted = _schedule(config)
        try:
            await self._client.create_schedule(_name(config.id), wanted)
        except ScheduleAlreadyRunningError:
            known = await self.find(config.id)
            if known is not None and known.runs(config) and not known.bare:
                return "unchanged"
            await self._handle(config.id).update(lambda given: _keeping_state(given, wanted))
            return "changed"
        return "made"

    async def find(self, pipeline: str) -> Scheduled | None:
        found = await if_known(self._handle(pipeline).describe())
        if found is None:
            return None
        action = found.schedule.action
        return Scheduled(
            pipeline=pipeline,
            request=await self._started_with(found),
            bare=isinstance(action, ScheduleActionStartWorkflow) and is_bare(self._client, action.args),
            paused=found.schedule.state.paused,
            note=found.schedule.state.note or "",
            next=found.info.next_action_times,
        )

    async def names(self) -> list[str]:
        """Pipelines that have a schedule: by the server's list, which may be a moment behind."""
        prefix = f"{PIPELINE.name}/"
        listed = [one.id async for one in await self._client.list_schedules()]
        return sorted(name.removeprefix(prefix) for name in listed if name.startswith(prefix))

    async def remove(self, pipeline: str) -> bool:
        """Whether there was one. Runs under way go on."""
        return await is_done(self._handle(pipeline).delete())

    async def pause(self, pipeline: str, note: str) -> bool:
        """Whether there is one."""
        return await is_done(self._handle(pipeline).pause(note=note))

    async def resume(self, pipeline: str, note: str) -> bool:
        """Whether there is one."""
        return await is_done(self._handle(pipeline).unpause(note=note))

    def _handle(self, pipeline: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(_name(pipeline))

    async def _started_with(self, found: ScheduleDescription) -> PipelineRequest | None:
        action = found.schedule.action
        if not isinstance(action, ScheduleActionStartWorkflow):
            return None
        changed = found.info.last_updated_at or found.info.created_at
        decoded = await of_run(self._client, action.id, changed).decode(list(action.args), [PipelineRequest])
        return decoded[0] if decoded and isinstance(decoded[0], PipelineRequest) else None


def _name(pipeline: str) -> str:
    return f"{PIPELINE.name}/{pipeline}"


def _request(config: PipelineConfig) -> PipelineRequest:
    return request_of(config, trigger=TriggerType.SCHEDULE)


def _schedule(config: PipelineConfig) -> Schedule:
    given = config.schedule or PipelineSchedule(cron="")
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SCHEDULED,
            _request(config),
            id=f"{SCHEDULED}/{config.id}",
            task_queue=PIPELINE.queue,
            typed_search_attributes=search_attributes(HELPER),
            static_summary=f"Pipeline {config.id} {config.version}, by its schedule",
        ),
        spec=ScheduleSpec(cron_expressions=[given.cron], time_zone_name=given.timezone),
        policy=SchedulePolicy(overlap=OVERLAP[given.overlap], catchup_window=given.catchup),
        state=ScheduleState(note=f"{config.id} {config.version}: {given.cron} {given.timezone}"),
    )


def _keeping_state(given: ScheduleUpdateInput, schedule: Schedule) -> ScheduleUpdate:
    before = given.description.schedule.state
    if before.paused:
        schedule.state.paused, schedule.state.note = True, before.note
    return ScheduleUpdate(schedule=schedule)
