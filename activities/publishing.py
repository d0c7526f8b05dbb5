"""Activities of content publishing: read and check texts, choose times, publish once, find again, take back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from temporalio import activity

from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.core.service import Undone
from towpath.contracts.publishing.campaign import (
    Adaptation,
    Campaign,
    ChannelFindings,
    CheckedTexts,
    CheckTexts,
    ChooseTimes,
    ChosenTimes,
    LoadCampaign,
    PlatformRules,
)
from towpath.contracts.publishing.posting import (
    FindPost,
    PostOutcome,
    PreparePost,
    PublishPost,
    ReleaseSlot,
    RemovePost,
    ReserveSlot,
    Slot,
)
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.excerpts import excerpt
from towpath.policy.publishing.quotations import kept_quotes
from towpath.policy.publishing.sources import body_of, source_of
from towpath.policy.publishing.texts import LATEST
from towpath.policy.publishing.timing import choose_time, unknown_zones

if TYPE_CHECKING:
    from towpath.integrations.publishing.adapter import Publishers
    from towpath.integrations.publishing.campaigns import CampaignSources

DEADLINE_MARGIN = timedelta(seconds=5)


class Reservations(Protocol):
    """The reserved times of all accounts. Raises PublishError."""

    async def reserve(self, request: ReserveSlot) -> Slot: ...

    async def release(self, request: ReleaseSlot) -> Undone: ...


class PublishingActivities:
    def __init__(self, campaigns: "CampaignSources", publishers: "Publishers", slots: Reservations) -> None:
        self._campaigns = campaigns
        self._publishers = publishers
        self._slots = slots

    @activity.defn(name="load_campaign")
    async def load_campaign(self, request: LoadCampaign) -> Campaign:
        """Everything that would stop the campaign later is said now: an unknown channel, account or zone."""
        platforms = self._campaigns.rules(request.channels)
        problems = unknown_zones(request.zones)
        if problems:
            raise PublishError(FailureCode.PUBLISH_REFUSED, f"audience_zones: {'; '.join(problems)}")
        source = source_of(await self._campaigns.content(request.content, request.artefact))
        if source.is_draft:
            raise PublishError(FailureCode.PUBLISH_REFUSED, "content: its front matter says that it is a draft")
        if not source.body.strip():
            raise PublishError(FailureCode.PUBLISH_REFUSED, "content: there is none")
        return Campaign(
            platforms=platforms,
            block_list=self._campaigns.block_list,
            excerpt=excerpt(source.body),
            characters=len(source.body),
            embargo=source.not_before(request.zones or ("UTC",)),
            notes=source.notes,
            text_rules=LATEST,
            places=self._places(request, platforms),
        )

    def _places(self, request: LoadCampaign, platforms: Sequence[PlatformRules]) -> dict[str, str]:
        """Of the accounts that this worker has; another one is told of when it is used."""
        adapters = {rules.platform: rules.adapter for rules in platforms}
        found: dict[str, str] = {}
        for wish in request.channels:
            with suppress(PublishError):
                adapter = self._publishers.adapter(adapters[wish.channel], wish.account)
                found[f"{wish.channel}/{wish.account}"] = adapter.place_of(wish.account)
        return found

    @activity.defn(name="check_texts")
    async def check_texts(self, request: CheckTexts) -> CheckedTexts:
        """The checks in code, over the whole content wherever it is kept."""
        content = await self._campaigns.content(request.content, request.artefact)
        return await asyncio.to_thread(_check, request, body_of(content))

    @activity.defn(name="choose_times")
    async def choose_times(self, request: ChooseTimes) -> ChosenTimes:
        """An activity, since the rules of time zones are files that change with the machine."""
        rules = {each.platform: each for each in request.platforms}
        times = [
            choose_time(
                rules[wish.channel], request.zones, request.earliest, request.not_before, request.not_after, wish.at
            )
            for wish in request.wishes
        ]
        return ChosenTimes(times=tuple(times))

    @activity.defn(name="prepare_post")
    async def prepare_post(self, request: PreparePost) -> PostOutcome:
        """Whether the account may post, and the post if it is out already. Safe to retry."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        await adapter.prepare(request)
        return PostOutcome(post=await adapter.find(FindPost(**request.model_dump())))

    @activity.defn(name="publish_post")
    async def publish_post(self, request: PublishPost) -> PostOutcome:
        """One attempt. Give it one: a second may publish again what the first has published.

        It shares no activity with other calls for the same reason: one that is shared is repeated when its worker dies.
        A time-out of it, like `publish.unknown` and `publish.duplicate`, is answered by `find_post`; after every other
        code nothing is out.
        """
        adapter = self._publishers.adapter(request.adapter, request.account)
        try:
            # Ended before Temporal gives the attempt up: nothing is sent after the workflow has begun to look for it.
            async with asyncio.timeout(_allowed(activity.info()).total_seconds()):
                return PostOutcome(post=await adapter.publish(request))
        except TimeoutError:
            message = f"{request.adapter} did not answer in time"
            raise PublishError(FailureCode.PUBLISH_UNKNOWN, message, evidence={"platform": request.adapter}) from None

    @activity.defn(name="find_post")
    async def find_post(self, request: FindPost) -> PostOutcome:
        """The post as the account's own timeline shows it. Safe to retry; a timeline may lag behind by seconds."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        return PostOutcome(post=await adapter.find(request))

    @activity.defn(name="remove_post")
    async def remove_post(self, request: RemovePost) -> Undone:
        """Safe to retry: a post that is gone is not found."""
        adapter = self._publishers.adapter(request.adapter, request.account)
        return Undone(found=await adapter.remove(request))

    @activity.defn(name="reserve_slot")
    async def reserve_slot(self, request: ReserveSlot) -> Slot:
        """Safe to retry: the key has one slot."""
        return await self._slots.reserve(request)

    @activity.defn(name="release_slot")
    async def release_slot(self, request: ReleaseSlot) -> Undone:
        return await self._slots.release(request)


def _allowed(info: activity.Info) -> timedelta:
    limit = info.start_to_close_timeout or timedelta(seconds=30)
    return max(limit - DEADLINE_MARGIN, limit / 2)


def _check(request: CheckTexts, content: str) -> CheckedTexts:
    metadata = request.metadata
    facts = [fact for fact in (metadata.title, metadata.author, metadata.link) if fact is not None]
    rules = {each.platform: each for each in request.platforms}

    def check(adaptation: Adaptation) -> ChannelFindings:
        others = [other for other in request.adaptations if other is not adaptation]
        found = findings(adaptation, rules[adaptation.channel], content, facts, request.block_list, others)
        return ChannelFindings(channel=adaptation.channel, account=adaptation.account, findings=found)

    return CheckedTexts(
        quotes=kept_quotes(request.quotes, content), channels=tuple(check(each) for each in request.adaptations)
    )
