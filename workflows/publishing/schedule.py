"""When posts go out: times chosen by platform and audience, and kept free of other posts of the same account."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from temporalio import workflow

from activities.publishing import PublishingActivities
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.campaign import ChannelWish, ChooseTimes, PlatformRules
from towpath.contracts.publishing.posting import ChosenTime, ReleaseSlot, ReserveSlot
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import LOOKUP
from workflows.publishing.steps import SCHEDULE, ChannelTexts, PublishingState, job_name

LATE_WISHES = "late-wishes-2026-12"
KEPT_NOW = "slots-kept-now-2026-12"
UNUSED_SLOTS = "unused-slots-2026-12"


class Schedule:
    """Chooses times and reserves them. A job has one slot, which moves when the job does."""

    def __init__(self, state: PublishingState) -> None:
        self._state = state
        self._steps = state.steps
        self._calls = 0
        self._kept_for: dict[str, tuple[ChannelWish, PlatformRules]] = {}

    async def choose(self, channels: Sequence[ChannelTexts]) -> dict[str, ChosenTime | None]:
        """A time for each job; None where nothing is free before `not_after`. Raises StepFailedError."""
        metadata = self._state.metadata
        soon = self._soon(channels)
        channels = [channel for channel in channels if channel.job not in soon]
        wanted = ChooseTimes(
            wishes=tuple(channel.wish for channel in channels),
            platforms=self._state.campaign.platforms,
            zones=metadata.audience_zones,
            earliest=workflow.now() + self._state.request.cut_off,
            not_before=self._state.not_before,
            not_after=metadata.not_after,
        )
        chosen = await self._steps.perform(SCHEDULE, PublishingActivities.choose_times, wanted, LOOKUP)
        pairs = [*zip(channels, chosen.times, strict=True), *soon.values()]
        try:
            times = await asyncio.gather(*(asyncio.ensure_future(self._kept(channel, time)) for channel, time in pairs))
        except CallFailedError as error:
            raise self._steps.failed(SCHEDULE, error.failure) from error
        self._steps.complete(SCHEDULE)
        return {channel.job: time for (channel, _), time in zip(pairs, times, strict=True)}

    def late(self, channels: Sequence[ChannelTexts]) -> list[ChannelTexts]:
        """Those whose wished time passed while the campaign was written and waited for its approval."""
        now = workflow.now()
        found = [channel for channel in channels if self._is_wished(channel, workflow.info().start_time, now)]
        return found if found and workflow.patched(LATE_WISHES) else []

    def _soon(self, channels: Sequence[ChannelTexts]) -> dict[str, tuple[ChannelTexts, ChosenTime]]:
        """Wishes within the cut-off from now: nobody can change them any more, but they are kept, and not put off."""
        now = workflow.now()
        found = [channel for channel in channels if self._is_wished(channel, now, now + self._state.request.cut_off)]
        if not found or not workflow.patched(LATE_WISHES):
            return {}
        reason = "at the time that was asked for"
        return {
            channel.job: (channel, ChosenTime(at=channel.wish.at, reason=reason))
            for channel in found
            if channel.wish.at is not None
        }

    def _is_wished(self, channel: ChannelTexts, since: datetime, before: datetime) -> bool:
        """Whether a time was asked for that lies between the two, and no embargo puts it off."""
        at, embargo = channel.wish.at, self._state.not_before
        return at is not None and since <= at < before and (embargo is None or embargo <= at)

    async def reserve(
        self, wish: ChannelWish, rules: PlatformRules, at: datetime, *, always: bool = False
    ) -> datetime | None:
        """The first time from `at` on that keeps the account's spacing, now the job's only one; `always`: without one,
        too. Raises CallFailedError.
        """
        if not (rules.spacing or always):
            return at
        request = ReserveSlot(
            place=_place(wish),
            at=at,
            not_after=self._state.metadata.not_after,
            spacing=rules.spacing,
            key=self._key(wish),
        )
        name = job_name(wish)
        # A slot whose answer is lost may be kept all the same.
        self._kept_for[name] = (wish, rules)
        slot = await call(
            PublishingActivities.reserve_slot,
            request,
            LOOKUP,
            activity_id=self._activity(name),
            summary=f"Keep {name}'s time free of other posts",
        )
        return slot.at

    async def keep_now(self, wish: ChannelWish, rules: PlatformRules, now: datetime) -> str:
        """The job goes out now, whatever the spacing: the time that others keep their distance to is this one. Why that
        failed, if it did: the time before stays reserved.
        """
        try:
            await self.reserve(wish, rules.model_copy(update={"spacing": timedelta()}), now, always=True)
        except CallFailedError as error:
            return f"its time stays reserved ({error.failure.code})"
        return ""

    async def release(self, wish: ChannelWish, rules: PlatformRules) -> str:
        """Give the job's time free for others; why that failed, if it did: the time then stays reserved and unused."""
        if not rules.spacing:
            return ""
        name = job_name(wish)
        try:
            await call(
                PublishingActivities.release_slot,
                ReleaseSlot(place=_place(wish), key=self._key(wish)),
                LOOKUP,
                activity_id=self._activity(name),
                summary=f"Give {name}'s time free",
            )
        except CallFailedError as error:
            return f"its time stays reserved ({error.failure.code})"
        self._kept_for.pop(name, None)
        return ""

    def holds(self, job: str) -> bool:
        """Whether a time may be reserved for the job."""
        return job in self._kept_for

    async def release_unused(self, used: Collection[str]) -> dict[str, str]:
        """Give the times of all other jobs free; by job, why that failed."""
        unused = {name: kept for name, kept in self._kept_for.items() if name not in used}
        # One after another: a run that leaves its worker's memory meanwhile begins no task that nobody awaits.
        left = {name: await self.release(wish, rules) for name, (wish, rules) in unused.items()}
        return {name: why for name, why in left.items() if why}

    async def _kept(self, channel: ChannelTexts, time: ChosenTime | None) -> ChosenTime | None:
        if time is None:
            return None
        rules = self._state.rules(channel)
        at = await self.reserve(channel.wish, rules, time.at)
        if at is None or at == time.at:
            return None if at is None else time
        minutes = rules.spacing.total_seconds() / 60
        return ChosenTime(at=at, reason=f"{time.reason}; later, since the account's posts are {minutes:g} min apart")

    def _key(self, wish: ChannelWish) -> EffectKey:
        return self._steps.key(f"slot/{job_name(wish)}")

    def _activity(self, name: str) -> str:
        self._calls += 1
        return f"{SCHEDULE}/{name}/{self._calls}"


def _place(wish: ChannelWish) -> str:
    return f"{wish.channel}/{wish.account}"
