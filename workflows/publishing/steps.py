"""The steps of content-publishing up to its texts: load the campaign, analyse the content, adapt it to each channel."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from activities.publishing import PublishingActivities
from towpath.contracts.core.claude import Provenance
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.prompts import ADAPTATIONS, ANALYSE_CONTENT
from towpath.contracts.publishing.campaign import (
    Adaptation,
    AdaptationTask,
    Campaign,
    ChannelQuality,
    ChannelWish,
    CheckedTexts,
    CheckTexts,
    ContentAnalysis,
    Draft,
    LoadCampaign,
    PlatformRules,
    PublishingRequest,
    SourceText,
)
from towpath.contracts.publishing.posting import Post
from towpath.contracts.publishing.process import PUBLISHING
from towpath.policy.publishing.limits import draft_type, limits_in_words
from towpath.policy.publishing.texts import TextRules, text_rules
from workflows.kit.asking import Asker
from workflows.kit.calling import CallFailedError, call
from workflows.kit.failing import StepFailedError
from workflows.kit.options import LOOKUP, TEXTS
from workflows.kit.steps import Steps

LOAD, ANALYSE, CHECK, APPROVE, SCHEDULE = (
    "load-campaign",
    "analyse-content",
    "check-quality",
    "approval",
    "schedule-posts",
)
NO_TEXTS = Failure(code=FailureCode.CLAUDE_OUTPUT_INVALID, message="there is no text for any channel")


def job_name(wish: ChannelWish) -> str:
    """How people name a channel of a campaign: `x`, or `x.brand` for another account than the main one."""
    return wish.channel if wish.account == "main" else f"{wish.channel}.{wish.account}"


@dataclass(slots=True)
class ChannelTexts:
    """One channel while its texts are made: what is there so far, and why there is nothing more."""

    wish: ChannelWish
    adaptation: Adaptation | None = None
    quality: ChannelQuality | None = None
    failure: Failure | None = None

    @property
    def job(self) -> str:
        return job_name(self.wish)

    @property
    def blocked(self) -> bool:
        """Code found something that is never published."""
        return self.quality is not None and any(finding.blocking for finding in self.quality.findings)


class PublishingState:
    """What one run knows: its request, its step record, its channels in the order of the request."""

    def __init__(self, request: PublishingRequest) -> None:
        redrive = request.redrive
        self.request = request
        self.metadata = request.metadata
        self.channels = {channel.job: channel for channel in map(ChannelTexts, request.metadata.channels)}
        self.steps = Steps(PUBLISHING.name, dict(_titles(self.channels)), None if redrive is None else redrive.run_id)
        self.asker = Asker(self.steps, request.budget)
        self.campaign = Campaign(platforms=())
        self.analysis: ContentAnalysis | None = None if redrive is None else redrive.analysis
        self.answers: list[Provenance] = []
        self.degraded: dict[str, str] = {}

    def rules(self, channel: ChannelTexts) -> PlatformRules:
        return next(rules for rules in self.campaign.platforms if rules.platform == channel.wish.channel)

    @property
    def texts(self) -> TextRules:
        """The rules for texts that the run began with."""
        return text_rules(self.campaign.text_rules)

    @property
    def not_before(self) -> datetime | None:
        """The embargo: the later of what was asked for and of what the content says."""
        moments = [at for at in (self.metadata.not_before, self.campaign.embargo) if at is not None]
        return max(moments, default=None)

    def degrade(self, step: str, note: str) -> None:
        self.degraded[step] = note
        self.steps.degrade(step, note)

    async def check(
        self, adaptations: tuple[Adaptation, ...], quotes: tuple[str, ...], activity_id: str, summary: str
    ) -> CheckedTexts:
        """The checks in code, over the whole content wherever it is. Raises CallFailedError."""
        request = CheckTexts(
            metadata=self.metadata,
            content=self.request.content,
            artefact=self.request.artefact,
            platforms=self.campaign.platforms,
            block_list=self.campaign.block_list,
            quotes=quotes,
            adaptations=adaptations,
        )
        return await call(PublishingActivities.check_texts, request, TEXTS, activity_id=activity_id, summary=summary)


class Writing:
    """Texts for every channel. A channel that gets none is reported; the others go on."""

    def __init__(self, state: PublishingState) -> None:
        self._state = state
        self._steps = state.steps

    async def run(self) -> None:
        """Raises StepFailedError when there is nothing to go on with."""
        await self._load()
        await self._analyse()
        channels = self._state.channels.values()
        await asyncio.gather(*(asyncio.ensure_future(self.adapt(channel)) for channel in channels))
        if all(channel.adaptation is None for channel in channels):
            first = next(iter(channels))
            raise StepFailedError(f"adapt-{first.job}", first.failure or NO_TEXTS)

    async def _load(self) -> None:
        request, wishes = self._state.request, self._state.metadata.channels
        zones = self._state.metadata.audience_zones
        wanted = LoadCampaign(content=request.content, artefact=request.artefact, channels=wishes, zones=zones)
        self._state.campaign = await self._steps.perform(LOAD, PublishingActivities.load_campaign, wanted, LOOKUP)
        if self._state.campaign.notes:
            self._steps.remark(LOAD, "; ".join(self._state.campaign.notes))
        link = self._state.metadata.link
        for rules in self._state.campaign.platforms:
            prompt = ADAPTATIONS.get(rules.prompt)
            problems = () if link is None else self._state.texts.link_problems(link, rules)
            failure = Failure(code=FailureCode.STEP_INPUT, message=problems[0]) if problems else None
            if prompt is None or prompt.output is not draft_type(rules):
                failure = _no_prompt(rules)
            if failure is not None:
                raise self._steps.failed(LOAD, failure)

    async def _analyse(self) -> None:
        state = self._state
        if state.analysis is not None:
            self._steps.keep(ANALYSE)
            return
        self._steps.begin(ANALYSE)
        source = SourceText(
            title=state.metadata.title,
            author=state.metadata.author,
            language=state.metadata.language,
            source=state.campaign.excerpt,
        )
        try:
            asked = await state.asker.ask(ANALYSE, ANALYSE_CONTENT, source, _analysis_problems)
            quotes = tuple(asked.output.quotes)
            checked = await state.check((), quotes, f"{ANALYSE}/quotes", "Check the quotes word for word")
        except StepFailedError as error:
            self._steps.fail(ANALYSE, error.failure)
            raise
        except CallFailedError as error:
            raise self._steps.failed(ANALYSE, error.failure) from error
        state.answers.append(asked.provenance)
        state.analysis = asked.output.model_copy(update={"quotes": list(checked.quotes)})
        dropped = len(quotes) - len(checked.quotes)
        note = f"{dropped} quotes dropped: not word for word in the content" if dropped else ""
        self._steps.complete(ANALYSE, attempts=self._steps[ANALYSE].attempts, note=note)

    async def adapt(self, channel: ChannelTexts, problems: tuple[str, ...] = ()) -> None:
        """Write the channel's texts, or write them anew with `problems` put right.

        Drafts that break a rule are asked for again, within bounds; then code shortens the last one. A channel whose
        texts cannot be had keeps what it had before.
        """
        state, step = self._state, f"adapt-{channel.job}"
        rules, link = state.rules(channel), state.metadata.link
        drafts: list[Draft] = []

        def breaches(draft: Draft) -> tuple[str, ...]:
            drafts.append(draft)
            return state.texts.draft_problems(draft, rules, link)

        self._steps.begin(step)
        try:
            await state.asker.ask(step, ADAPTATIONS[rules.prompt], self._task(channel, rules, problems), breaches)
        except StepFailedError as error:
            if not drafts or error.failure.code is not FailureCode.CLAUDE_OUTPUT_INVALID:
                self._without(channel, error.failure)
                return
        self._keep(channel, drafts[-1], rules)

    def _keep(self, channel: ChannelTexts, draft: Draft, rules: PlatformRules) -> None:
        step, link = f"adapt-{channel.job}", self._state.metadata.link
        posts, was_shortened = self._state.texts.posts_of(draft, rules, link), False
        if self._state.texts.post_problems(posts, rules, link):
            posts, was_shortened = self._state.texts.shortened(posts, rules, link), True
        left = self._state.texts.post_problems(posts, rules, link)
        if left:
            message = f"no text for {channel.job} keeps to the platform's rules: {left[0]}"
            self._without(channel, Failure(code=FailureCode.CLAUDE_OUTPUT_INVALID, message=message))
            return
        provenance = self._steps[step].provenance
        if provenance is not None:
            self._state.answers.append(provenance)
        channel.adaptation = Adaptation(
            channel=channel.wish.channel,
            account=channel.wish.account,
            posts=posts,
            platform_version=rules.version,
            shortened=was_shortened,
            provenance=provenance,
        )
        note = "shortened by code" if was_shortened else ""
        self._steps.complete(step, attempts=self._steps[step].attempts, note=note)

    def _without(self, channel: ChannelTexts, failure: Failure) -> None:
        step = f"adapt-{channel.job}"
        if channel.adaptation is None:
            channel.failure = failure
            self._steps.fail(step, failure)
        else:
            self._steps.complete(step, note=f"kept the text before ({failure.code})")

    def _task(self, channel: ChannelTexts, rules: PlatformRules, problems: tuple[str, ...]) -> AdaptationTask:
        state, metadata = self._state, self._state.metadata
        if state.analysis is None:
            raise RuntimeError("nothing was analysed")
        return AdaptationTask(
            platform=rules.platform,
            title=metadata.title,
            link=metadata.link,
            language=metadata.language,
            source=state.campaign.excerpt,
            analysis=state.analysis,
            limits=limits_in_words(rules, metadata.language),
            max_length=rules.max_length,
            min_follow_ups=rules.min_follow_ups,
            max_follow_ups=rules.max_follow_ups,
            max_hashtags=rules.max_hashtags,
            max_title_length=rules.max_title_length,
            max_description_length=rules.max_description_length,
            url_length=rules.url_length,
            wide_weight=rules.wide_weight,
            problems=problems,
            previous="" if channel.adaptation is None else text_of(channel.adaptation.posts),
        )


def text_of(posts: tuple[Post, ...]) -> str:
    """All posts of a channel as one text, as Claude and people read them."""
    return "\n\n".join("\n\n".join(filter(None, (post.title, post.description, post.text))) for post in posts)


def _titles(channels: dict[str, ChannelTexts]) -> Iterator[tuple[str, str]]:
    yield LOAD, "Load the campaign"
    yield ANALYSE, "Analyse the content"
    yield from ((f"adapt-{job}", f"Write for {job}") for job in channels)
    yield CHECK, "Check the quality"
    yield APPROVE, "Approval by a person"
    yield SCHEDULE, "Choose the times"
    yield from ((f"publish-{job}", f"Publish on {job}") for job in channels)


def _analysis_problems(analysis: ContentAnalysis) -> tuple[str, ...]:
    return (
        () if any(message.strip() for message in analysis.key_messages) else ("key_messages: at least one is needed",)
    )


def _no_prompt(rules: PlatformRules) -> Failure:
    message = f"{rules.platform}: there is no prompt {rules.prompt!r} that writes a {rules.shape}"
    return Failure(code=FailureCode.CLAUDE_CLIENT_BUG, message=message)
