"""All activities of content publishing as one fake: platforms in memory with timelines, and faults that are ordered."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from temporalio import activity

from tests.fakes.house import MODEL, FakeHouse, answered
from towpath.config.platforms import load_platforms
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Answer, AskRequest
from towpath.contracts.core.failure import FailureCode, HouseError, PublishError
from towpath.contracts.core.service import Undone
from towpath.contracts.core.wire import Wire
from towpath.contracts.prompts import PROMPTS
from towpath.contracts.publishing.campaign import (
    Campaign,
    ChannelFindings,
    CheckedTexts,
    CheckTexts,
    ChooseTimes,
    ChosenTimes,
    LoadCampaign,
)
from towpath.contracts.publishing.posting import (
    FindPost,
    PostOutcome,
    PreparePost,
    PublishedPost,
    PublishPost,
    ReleaseSlot,
    RemovePost,
    ReserveSlot,
    Slot,
)
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.excerpts import excerpt
from towpath.policy.publishing.quotations import kept_quotes
from towpath.policy.publishing.sources import source_of
from towpath.policy.publishing.texts import LATEST
from towpath.policy.publishing.timing import choose_time, next_free
from towpath.standins.claude.answer import drafted

PLATFORMS = load_platforms(Path(__file__).resolve().parents[2] / "definitions/platforms")
Ending = Literal["fine", "taken", "lost", "taken-as-duplicate", "late"]
"""How an attempt to publish ends: `taken` is out, and the answer is lost; `lost` is lost before the platform sees it;
`taken-as-duplicate` is out since an attempt whose answer was lost, and refused now; `late` is lost, and out when the
next attempt is refused.
"""


def busy(seconds: float) -> HouseError:
    wait = timedelta(seconds=seconds)
    return PublishError(FailureCode.PUBLISH_RATE_LIMITED, "too many requests", retry_after=wait)


def down() -> HouseError:
    return PublishError(FailureCode.PUBLISH_UNAVAILABLE, "unavailable")


def forbidden() -> HouseError:
    return PublishError(FailureCode.PUBLISH_REFUSED, "the account is suspended")


def refused_removal() -> HouseError:
    return PublishError(FailureCode.PUBLISH_REFUSED, "too old to be deleted")


def duplicate() -> HouseError:
    return PublishError(FailureCode.PUBLISH_DUPLICATE, "duplicate content")


@dataclass(frozen=True)
class Shown:
    """A post on a timeline."""

    post: PublishedPost
    text: str
    fingerprint: str
    reply_to: str | None


@dataclass
class FakePress:
    """Claude answers as the stand-in does, but as one of its own models, unless `claude` answers instead.

    `faults[activity]` are raised in turn; those of `publish_post/ADAPTER` may also lose the request or its answer.
    """

    house: FakeHouse = field(default_factory=FakeHouse)
    faults: dict[str, list[HouseError | Ending]] = field(default_factory=lambda: defaultdict(list))
    timelines: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    slots: dict[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    """By place and key."""
    released: list[str] = field(default_factory=list[str])
    late: list[Shown] = field(default_factory=list[Shown])
    """Posts that show when the next attempt is refused."""
    contents: dict[str, str] = field(default_factory=dict[str, str])
    claude: Callable[[AskRequest], Answer | str | None] = lambda _: None
    model: str = MODEL
    lag: int = 0
    """How often a look at a timeline does not see what is there."""

    entered: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    _holds: dict[str, tuple[int, asyncio.Event]] = field(default_factory=dict[str, tuple[int, asyncio.Event]])

    def activities(self) -> Sequence[Callable[..., Any]]:
        own = (self.load_campaign, self.check_texts, self.choose_times, self.prepare_post, self.publish_post)
        more = (self.find_post, self.remove_post, self.reserve_slot, self.release_slot)
        return (*own, *more, self.house.notify_team, self.house.find_reviewers)

    def texts(self, adapter: str) -> list[str]:
        return [shown.text for shown in self.timelines[adapter]]

    def notices(self) -> list[str]:
        return [notice.title for notice in self.house.asked("notify_team")]

    def attempts(self, adapter: str) -> int:
        return sum(request.adapter == adapter for request in self.house.asked("publish_post"))

    def plan(self, name: str, *endings: HouseError | Ending) -> None:
        """How the next calls end."""
        self.faults[name] += endings

    def hold(self, name: str, *, skip: int, after_effect: bool = False) -> asyncio.Event:
        """Calls of an activity after the first `skip` stand still until the event is set; `entered` tells. A post may
        do so once it is out.
        """
        self._holds[f"{name}/out" if after_effect else name] = (skip, asyncio.Event())
        return self._holds[f"{name}/out" if after_effect else name][1]

    async def _held(self, name: str) -> None:
        skip, event = self._holds.get(name, (0, None))
        activity_name = name.partition("/")[0]
        if event is not None and len(self.house.asked(activity_name)) > skip:
            self.entered[activity_name].set()
            await event.wait()

    async def _enter(self, name: str, request: Wire) -> None:
        self.house.calls.append((name, request))
        self.house.see(name, request)
        await self._held(name)
        faults = self.faults[name]
        if faults and isinstance(faults[0], HouseError):
            error = faults.pop(0)
            assert isinstance(error, HouseError)
            raise error

    def _source(self, content: str | None, artefact: Artefact | None) -> str:
        return self.contents[artefact.sha256] if artefact is not None else content or ""

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        self.house.calls.append(("ask", request))
        given = self.claude(request)
        if isinstance(given, Answer):
            return given
        if given is None:
            output = PROMPTS[request.prompt].output
            given = output.model_validate(drafted(output.__name__, request.input)).model_dump_json()
        answer = answered(request.prompt, given.replace("[offline draft] ", ""))
        return answer.model_copy(update={"provenance": answer.provenance.model_copy(update={"model": self.model})})

    @activity.defn(name="load_campaign")
    async def load_campaign(self, request: LoadCampaign) -> Campaign:
        await self._enter("load_campaign", request)
        rules = PLATFORMS.named(wish.channel for wish in request.channels)
        source = source_of(self._source(request.content, request.artefact))
        return Campaign(
            platforms=rules,
            block_list=PLATFORMS.block_list,
            excerpt=excerpt(source.body),
            characters=len(source.body),
            embargo=source.not_before(request.zones),
            notes=source.notes,
            text_rules=LATEST,
        )

    @activity.defn(name="check_texts")
    async def check_texts(self, request: CheckTexts) -> CheckedTexts:
        await self._enter("check_texts", request)
        source, metadata = self._source(request.content, request.artefact), request.metadata
        facts = [fact for fact in (metadata.title, metadata.author, metadata.link) if fact]
        rules = {platform.platform: platform for platform in request.platforms}
        channels = tuple(
            ChannelFindings(
                channel=adaptation.channel,
                account=adaptation.account,
                findings=findings(
                    adaptation,
                    rules[adaptation.channel],
                    source,
                    facts,
                    request.block_list,
                    [other for other in request.adaptations if other is not adaptation],
                ),
            )
            for adaptation in request.adaptations
        )
        return CheckedTexts(quotes=kept_quotes(request.quotes, source), channels=channels)

    @activity.defn(name="choose_times")
    async def choose_times(self, request: ChooseTimes) -> ChosenTimes:
        await self._enter("choose_times", request)
        rules = {platform.platform: platform for platform in request.platforms}
        times = tuple(
            choose_time(
                rules[wish.channel],
                request.zones,
                request.earliest,
                request.not_before,
                request.not_after,
                wish.at,
            )
            for wish in request.wishes
        )
        return ChosenTimes(times=times)

    @activity.defn(name="prepare_post")
    async def prepare_post(self, request: PreparePost) -> PostOutcome:
        await self._enter("prepare_post", request)
        return self._find(request)

    @activity.defn(name="publish_post")
    async def publish_post(self, request: PublishPost) -> PostOutcome:
        self.house.calls.append(("publish_post", request))
        await self._held("publish_post")
        faults = self.faults[f"publish_post/{request.adapter}"]
        fault = faults.pop(0) if faults else None
        if isinstance(fault, HouseError):
            self.timelines[request.adapter] += self.late
            raise fault
        if fault == "lost":
            raise _unknown()
        timeline = self.timelines[request.adapter]
        if fault == "late":
            self.late.append(self.shown(request.adapter, request.post.text, request.fingerprint, request.reply_to))
            raise _unknown()
        assert request.reply_to is None or request.reply_to in [shown.post.post_id for shown in timeline]
        shown = self.shown(request.adapter, request.post.text, request.fingerprint, request.reply_to)
        timeline.append(shown)
        await self._held("publish_post/out")
        if fault == "taken":
            raise _unknown()
        if fault == "taken-as-duplicate":
            raise duplicate()
        return PostOutcome(post=shown.post)

    @activity.defn(name="find_post")
    async def find_post(self, request: FindPost) -> PostOutcome:
        await self._enter("find_post", request)
        if self.lag > 0:
            self.lag -= 1
            return PostOutcome()
        return self._find(request)

    @activity.defn(name="remove_post")
    async def remove_post(self, request: RemovePost) -> Undone:
        await self._enter("remove_post", request)
        before = self.timelines[request.adapter]
        self.timelines[request.adapter] = [shown for shown in before if shown.post.post_id != request.post_id]
        return Undone(found=len(before) > len(self.timelines[request.adapter]))

    @activity.defn(name="reserve_slot")
    async def reserve_slot(self, request: ReserveSlot) -> Slot:
        await self._enter("reserve_slot", request)
        own = (request.place, request.key)
        taken = [at for (place, key), at in self.slots.items() if place == request.place and key != request.key]
        at = next_free(request.at, taken, request.spacing, request.not_after)
        if at is not None:
            self.slots[own] = at
        return Slot(at=at)

    @activity.defn(name="release_slot")
    async def release_slot(self, request: ReleaseSlot) -> Undone:
        await self._enter("release_slot", request)
        self.released.append(request.place)
        return Undone(found=self.slots.pop((request.place, request.key), None) is not None)

    def shown(self, adapter: str, text: str, fingerprint: str = "", reply_to: str | None = None) -> Shown:
        """A post as it would be next on the timeline."""
        number = f"{adapter}-{len(self.timelines[adapter]) + 1}"
        post = PublishedPost(post_id=number, url=f"https://{adapter}.example/{number}", at=datetime.now(UTC))
        return Shown(post, text, fingerprint, reply_to)

    def _find(self, request: PreparePost) -> PostOutcome:
        """As the real ones: by the text that is shown, in its place, and none that is known."""
        found = [
            shown.post
            for shown in self.timelines[request.adapter]
            if shown.fingerprint == request.fingerprint
            and shown.reply_to == request.reply_to
            and shown.post.post_id not in request.known
        ]
        return PostOutcome(post=found[0] if found else None)


def _unknown() -> HouseError:
    return PublishError(FailureCode.PUBLISH_UNKNOWN, "the connection was lost")
