"""Schedule triggers as Temporal Schedules: one each, made, changed and removed when a definition is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from towpath.clients.definitions import starting_attributes
from towpath.contracts.declared import DECLARED, DeclaredRequest
from towpath.contracts.published import LAUNCHER, RATE_WATCH, Launch, RateAlert, RateWatch
from towpath.engine.alerts import watch_alert
from towpath.engine.definition import ScheduleTrigger
from towpath.engine.expression.durations import parse_duration
from towpath.engine.plan import Plan

OVERLAP: Mapping[str, ScheduleOverlapPolicy] = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer-one": ScheduleOverlapPolicy.BUFFER_ONE,
    "buffer-all": ScheduleOverlapPolicy.BUFFER_ALL,
    "cancel-other": ScheduleOverlapPolicy.CANCEL_OTHER,
    "terminate-other": ScheduleOverlapPolicy.TERMINATE_OTHER,
    "allow-all": ScheduleOverlapPolicy.ALLOW_ALL,
}
MOST_TRIGGERS = 50
RATE_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Firing:
    """One moment at which a schedule fires, in UTC and as its zone's clocks show it."""

    at: datetime
    local: datetime
    note: str = ""


class Schedules:
    """The schedules of definitions in a namespace. Their ids are `definition/number of the trigger`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def reconcile(self, plan: Plan, request: DeclaredRequest) -> list[str]:
        """Make the schedules what the definition says, and remove those that it has no more. What was done, a line
        each.
        """
        name = plan.definition.header.id
        done: list[str] = []
        wanted = [
            (index, trigger)
            for index, (trigger, _) in enumerate(plan.definition.triggers)
            if isinstance(trigger, ScheduleTrigger)
        ]
        for index, trigger in wanted:
            done.append(
                await self._put(
                    f"{name}/{index}", self._schedule(plan, request, index, trigger), trigger.cron, trigger.timezone
                )
            )
        kept = {index for index, _ in wanted}
        gone = [f"{name}/{index}" for index in range(MOST_TRIGGERS) if index not in kept]
        done += await self._watch_rate(plan)
        return done + [f"removed {schedule}" for schedule in gone if await self._remove(schedule)]

    async def _watch_rate(self, plan: Plan) -> list[str]:
        """A schedule that looks at the success rate, when an alert asks for it."""
        header = plan.definition.header
        watched = [alert for index, alert in enumerate(header.monitoring.alerts) if watch_alert(index, alert).on_rate]
        name = f"{header.id}/success-rate"
        if not watched:
            return [f"removed {name}"] if await self._remove(name) else []
        alerts = tuple(RateAlert(condition=str(alert.condition), channel=alert.channel) for alert in watched)
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(
                RATE_WATCH, RateWatch(definition=header.id, alerts=alerts), id=name, task_queue=DECLARED
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=RATE_EVERY)]),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=RATE_EVERY),
            state=ScheduleState(note=f"{header.id}@{header.version}: success rate"),
        )
        return [await self._put(name, schedule, f"every {RATE_EVERY}", "UTC")]

    async def firings(self, schedule: str, begin: datetime, end: datetime, zone: str) -> list[Firing]:
        """When a schedule fires between two moments, by Temporal's own reckoning."""
        answer = await self._client.workflow_service.list_schedule_matching_times(
            ListScheduleMatchingTimesRequest(
                namespace=self._client.namespace,
                schedule_id=schedule,
                start_time=_stamp(begin),
                end_time=_stamp(end),
            )
        )
        moments = [moment.ToDatetime(tzinfo=UTC) for moment in answer.start_time]
        return local_times(moments, zone)

    async def describe(self, schedule: str) -> tuple[str, str, list[datetime]] | None:
        """Its cron text and time zone, and the next moments at which it fires; None when there is none."""
        try:
            found = await self._client.get_schedule_handle(schedule).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        memo: Mapping[str, Any] = await found.memo()
        return str(memo.get("cron", "")), str(memo.get("timezone", "")), list(found.info.next_action_times)

    def _schedule(self, plan: Plan, request: DeclaredRequest, index: int, trigger: ScheduleTrigger) -> Schedule:
        header = plan.definition.header
        launcher = Launch(definition=header.id, trigger=index, secrets=request.secrets, sinks=request.sinks)
        given = request.model_copy(update={"trigger": "schedule", "input_templates": trigger.inputs or {}})
        direct = trigger.for_each is None
        return Schedule(
            action=ScheduleActionStartWorkflow(
                DECLARED if direct else LAUNCHER,
                given if direct else launcher,
                id=f"{header.id}/{index}" if direct else f"launch-{header.id}/{index}",
                task_queue=DECLARED,
                typed_search_attributes=starting_attributes(header.id, header.version, given),
            ),
            spec=ScheduleSpec(
                cron_expressions=[trigger.cron],
                time_zone_name=trigger.timezone,
                jitter=parse_duration(trigger.jitter) or timedelta(),
            ),
            policy=SchedulePolicy(
                overlap=OVERLAP[trigger.overlap], catchup_window=parse_duration(trigger.catchup) or timedelta(hours=1)
            ),
            state=ScheduleState(note=f"{header.id}@{header.version}: {trigger.cron} {trigger.timezone}"),
        )

    async def _put(self, name: str, schedule: Schedule, cron: str, zone: str) -> str:
        memo = {"cron": cron, "timezone": zone}
        try:
            await self._client.create_schedule(name, schedule, memo=memo)
        except ScheduleAlreadyRunningError:
            handle = self._client.get_schedule_handle(name)
            known = await (await handle.describe()).memo()
            if known == memo:
                await handle.update(lambda _: _keeping_state(_, schedule))
                return f"changed {name}: {cron} {zone}"
            # Temporal keeps a schedule's memo as it was made, and only the memo has the cron text.
            await handle.delete()
            await self._client.create_schedule(name, schedule, memo=memo)
        return f"made {name}: {cron} {zone}"

    async def _remove(self, name: str) -> bool:
        try:
            await self._client.get_schedule_handle(name).delete()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True


def local_times(moments: Sequence[datetime], zone: str) -> list[Firing]:
    """Firings with their local time; a note where clocks were set forward or back since the one before."""
    found: list[Firing] = []
    for moment in moments:
        local = moment.astimezone(ZoneInfo(zone))
        before = found[-1].local.utcoffset() if found else local.utcoffset()
        now = local.utcoffset()
        note = "" if before == now or before is None or now is None else _changed(before, now)
        found.append(Firing(moment, local, note))
    return found


def _changed(before: timedelta, now: timedelta) -> str:
    hours = abs(now - before)
    return f"clocks were set {'forward' if now > before else 'back'} by {hours}"


def _keeping_state(given: ScheduleUpdateInput, schedule: Schedule) -> ScheduleUpdate:
    """A paused schedule stays paused."""
    schedule.state.paused = given.description.schedule.state.paused
    return ScheduleUpdate(schedule=schedule)


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp
