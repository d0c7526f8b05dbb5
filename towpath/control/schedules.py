"""Schedule triggers as Temporal Schedules: one each, made, changed and removed when a definition is published."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

from towpath.contracts.core.process import DEFINITION_HASH, HELPER
from towpath.contracts.declared.process import DECLARED_RUN
from towpath.contracts.declared.published import LAUNCHER, RATE_WATCH, Launch, RateAlert, RateWatch
from towpath.contracts.declared.run import DECLARED, DeclaredRequest
from towpath.control.temporal import if_known, is_done
from towpath.engine.expression.durations import parse_duration
from towpath.engine.language.alerts import watch_alert
from towpath.engine.language.definition import AlertRule, ScheduleTrigger
from towpath.engine.language.plan import Plan
from towpath.temporal.attributes import search_attributes, search_key

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
        each. Broken off anywhere, the next call completes it.
        """
        name = plan.definition.header.id
        done: list[str] = []
        wanted = {f"{name}/{index}": (index, trigger) for index, trigger in _scheduled(plan)}
        for schedule, (index, trigger) in wanted.items():
            made = self._schedule(plan, request, index, trigger)
            done.append(await self._put(schedule, made, f"{trigger.cron} {trigger.timezone}"))
        done += await self._watch_rate(plan)
        gone = [schedule for schedule in _all_of(name) if schedule not in wanted and schedule != _rate_watch(name)]
        return done + [f"removed {schedule}" for schedule in gone if await self._remove(schedule)]

    async def _watch_rate(self, plan: Plan) -> list[str]:
        """A schedule that looks at the success rate, when an alert asks for it."""
        header = plan.definition.header
        watched = _watched(plan)
        name = _rate_watch(header.id)
        if not watched:
            return [f"removed {name}"] if await self._remove(name) else []
        alerts = tuple(RateAlert(condition=str(alert.condition), channel=alert.channel) for alert in watched)
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(
                RATE_WATCH,
                RateWatch(definition=header.id, alerts=alerts),
                id=name,
                task_queue=DECLARED,
                typed_search_attributes=search_attributes(HELPER),
                static_summary=f"success rate of {header.id}",
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=RATE_EVERY)]),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=RATE_EVERY),
            state=ScheduleState(note=f"{header.id}@{header.version}: success rate"),
        )
        return [await self._put(name, schedule, f"every {RATE_EVERY} UTC")]

    async def firings(self, schedule: str, begin: datetime, end: datetime, zone: str) -> list[Firing]:
        """When a schedule fires between two moments, by Temporal's own reckoning; never, when it is not there."""
        request = ListScheduleMatchingTimesRequest(
            namespace=self._client.namespace, schedule_id=schedule, start_time=_stamp(begin), end_time=_stamp(end)
        )
        answer = await if_known(self._client.workflow_service.list_schedule_matching_times(request))
        moments = [] if answer is None else [moment.ToDatetime(tzinfo=UTC) for moment in answer.start_time]
        return local_times(moments, zone)

    async def problems(self, plan: Plan, digest: str, *, leftovers: bool = True) -> list[str]:
        """What publishing the version again would mend, a line each. `leftovers` are schedules of triggers that only
        earlier versions had: to look for them takes 50 calls.
        """
        name = plan.definition.header.id
        triggers = {f"{name}/{index}" for index, _ in _scheduled(plan)}
        wanted = triggers | ({_rate_watch(name)} if _watched(plan) else set[str]())
        looked_at = sorted(wanted | set(_all_of(name)) if leftovers else wanted)
        hashes = await asyncio.gather(*(self._hash_of(schedule) for schedule in looked_at))
        found = {schedule: there for schedule, there in zip(looked_at, hashes, strict=True) if there is not None}
        stale = {schedule for schedule in triggers & found.keys() if found[schedule] != digest[:16]}
        return [
            *(f"schedule {schedule} is missing" for schedule in sorted(wanted - found.keys())),
            *(f"schedule {schedule} is not of the latest version" for schedule in sorted(stale)),
            *(f"schedule {schedule} is left from an earlier version" for schedule in sorted(found.keys() - wanted)),
        ]

    async def _hash_of(self, schedule: str) -> str | None:
        """The hash of the definition that it starts, as far as it names one; None when there is no such schedule."""
        found = await if_known(self._client.get_schedule_handle(schedule).describe())
        if found is None:
            return None
        action = found.schedule.action
        attributes = action.typed_search_attributes if isinstance(action, ScheduleActionStartWorkflow) else None
        return "" if attributes is None else attributes.get(search_key(DEFINITION_HASH)) or ""

    def _schedule(self, plan: Plan, request: DeclaredRequest, index: int, trigger: ScheduleTrigger) -> Schedule:
        header = plan.definition.header
        launcher = Launch(definition=header.id, trigger=index, secrets=request.secrets, sinks=request.sinks)
        given = request.model_copy(update={"trigger": "schedule", "input_templates": trigger.inputs or {}})
        attributes = DECLARED_RUN.attributes(given)
        direct = trigger.for_each is None
        return Schedule(
            action=ScheduleActionStartWorkflow(
                DECLARED if direct else LAUNCHER,
                given if direct else launcher,
                id=f"{header.id}/{index}" if direct else f"launch-{header.id}/{index}",
                task_queue=DECLARED,
                typed_search_attributes=search_attributes(attributes if direct else {**attributes, **HELPER}),
                static_summary=f"{header.name or header.id}{'' if direct else ': starts its runs'}, by its schedule",
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

    async def _put(self, name: str, schedule: Schedule, timing: str) -> str:
        """One that is there is changed in one call: at no moment is it gone, and a paused one stays paused."""
        try:
            await self._client.create_schedule(name, schedule)
        except ScheduleAlreadyRunningError:
            await self._client.get_schedule_handle(name).update(lambda given: _keeping_state(given, schedule))
            return f"changed {name}: {timing}"
        return f"made {name}: {timing}"

    async def _remove(self, name: str) -> bool:
        return await is_done(self._client.get_schedule_handle(name).delete())


def _scheduled(plan: Plan) -> list[tuple[int, ScheduleTrigger]]:
    triggers = enumerate(trigger for trigger, _ in plan.definition.triggers)
    return [(index, trigger) for index, trigger in triggers if isinstance(trigger, ScheduleTrigger)]


def _watched(plan: Plan) -> list[AlertRule]:
    """Alerts on the success rate."""
    alerts = enumerate(plan.definition.header.monitoring.alerts)
    return [alert for index, alert in alerts if watch_alert(index, alert).on_rate]


def _rate_watch(definition: str) -> str:
    return f"{definition}/success-rate"


def _all_of(definition: str) -> list[str]:
    """Every schedule that some version of a definition may have made."""
    return [*(f"{definition}/{index}" for index in range(MOST_TRIGGERS)), _rate_watch(definition)]


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
