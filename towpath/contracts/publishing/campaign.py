"""Content publishing: what starts it, what it writes for each channel, and what became of every post."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.claude import Budget, Provenance
from towpath.contracts.core.delivery import Language
from towpath.contracts.core.process import TriggerType
from towpath.contracts.core.review import DecidedReview, ReviewPolicy
from towpath.contracts.core.run import Cost, Discard
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.publishing.posting import ChosenTime, Job, Name, Post

INLINE_BYTES = 64 * 1024
"""Content above it travels as an artefact."""
CONTENT_BYTES = 1024 * 1024
"""Content above it is refused."""

CampaignId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\r\n]*$")]
Link = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^https://[^\W_]\S*$", max_length=500)]


class PublishingPolicy(StrEnum):
    """What happens to the other channels when one cannot be published."""

    REST = "rest"
    """The others are published all the same."""
    NONE = "none"
    """The others are not: those to come are cancelled, those that are out are taken back where the platform can."""
    HOLD = "hold"
    """Those to come wait until a person says whether to go on."""


class ChannelWish(Wire):
    """One channel to publish on. Without `at`, the time is chosen by the platform and the audience."""

    channel: Name = Field(description="name of a platform, as in definitions/platforms")
    account: Name = Field(default="main", description="account on it, as the worker's settings name it")
    at: datetime | None = Field(default=None, description="when to publish, with its offset from UTC")


class Metadata(Wire):
    """What an author says about the content."""

    campaign: CampaignId = Field(description="your id of the campaign; names the run")
    title: Line = Field(description="title of the content")
    author: Line | None = Field(default=None, description="who wrote it")
    link: Link | None = Field(default=None, description="where readers should go")
    channels: tuple[ChannelWish, ...] = Field(min_length=1, max_length=20, description="where to publish")
    audience_zones: tuple[str, ...] = Field(
        default=("UTC",), min_length=1, max_length=20, description="time zones of the audience, as in Europe/Berlin"
    )
    not_before: datetime | None = Field(default=None, description="embargo: nothing is published before")
    not_after: datetime | None = Field(default=None, description="stale after it: dropped and reported, never late")
    language: Language = Field(default=Language.EN, description="language of the posts")
    require_approval: bool = Field(default=False, description="a person must approve, whatever the scores are")

    @model_validator(mode="after")
    def _check(self) -> Self:
        moments = [moment for moment in (self.not_before, self.not_after) if moment is not None]
        moments += [wish.at for wish in self.channels if wish.at is not None]
        if any(moment.tzinfo is None for moment in moments):
            raise ValueError("every time needs its offset from UTC, as in 2027-03-28T09:00:00+02:00")
        if self.not_before is not None and self.not_after is not None and self.not_after <= self.not_before:
            raise ValueError("not_after must be later than not_before")
        for wish in self.channels:
            if wish.at is not None and self.not_before is not None and wish.at < self.not_before:
                raise ValueError(f"channels: {wish.channel} is to be published before not_before")
            if wish.at is not None and self.not_after is not None and wish.at > self.not_after:
                raise ValueError(f"channels: {wish.channel} is to be published after not_after")
        places = [(wish.channel, wish.account) for wish in self.channels]
        if len(set(places)) < len(places):
            raise ValueError("channels: each channel and account may stand in it once")
        return self


class ContentAnalysis(Wire):
    """What Claude reads out of the content. Quotes are word for word, or the check of them drops them."""

    key_messages: list[str] = Field(description="three to seven sentences, the most important first")
    audience: str = Field(description="whom it is for, in one sentence")
    tone: str = Field(description="tone and style, in a few words")
    quotes: list[str] = Field(description="up to five sentences, word for word as they stand in the source")
    hashtags: list[str] = Field(description="up to eight, without the # sign")
    keywords: list[str] = Field(description="up to ten")


class PublishingRedrive(Wire):
    """Continues a run that failed before anything was published: same workflow id, same effect keys."""

    run_id: str
    analysis: ContentAnalysis | None = None
    discard: Discard | None = None


class PublishingRequest(Wire):
    """Input of the workflow `content-publishing`: the content as text, or as an artefact above 64 KiB."""

    metadata: Metadata
    content: str | None = Field(default=None, description="the content as markdown")
    artefact: Artefact | None = None
    trigger: TriggerType = TriggerType.MANUAL
    threshold: float = Field(default=0.8, ge=0, le=1, description="a score below it is revised, then reviewed")
    policy: PublishingPolicy = PublishingPolicy.REST
    max_revisions: int = Field(default=2, ge=0, le=5)
    cut_off: timedelta = Field(default=timedelta(seconds=30), description="changes are refused so long before a post")
    budget: Budget = Budget()
    review: ReviewPolicy = ReviewPolicy(team="content-team", escalate_to="content-leads")
    redrive: PublishingRedrive | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.content is None) == (self.artefact is None):
            raise ValueError("give the content as text or as an artefact, and not as both")
        if self.content is not None and len(self.content.encode()) > INLINE_BYTES:
            raise ValueError("content above 64 KiB travels as an artefact")
        if self.artefact is not None and self.artefact.size_bytes > CONTENT_BYTES:
            raise ValueError("content above 1 MB is refused: publish it in parts")
        return self


class ContentShape(StrEnum):
    """What a platform takes, and so what Claude is asked for."""

    THREAD = "thread"
    POST = "post"
    ARTICLE = "article"


class PostingWindow(Wire):
    """A local time of the audience that reaches it well, for some days of the week (0 is Monday)."""

    days: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field(min_length=1)
    hour: int = Field(ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)
    weight: float = Field(gt=0, le=1)


class PlatformRules(Wire):
    """One platform as its data file describes it. Lengths are in characters, weighted where the weights are not 1."""

    platform: Name
    version: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}$")]
    title: str
    adapter: Name
    """Which client delivers: an entry of `towpath.integrations.publishing`."""
    prompt: Name
    shape: ContentShape
    max_length: int = Field(gt=0, description="of one post of a thread, of a post, of an article's body")
    url_length: int | None = Field(default=None, description="what each URL counts, whatever its length")
    wide_weight: int = Field(default=1, ge=1, le=2, description="what a CJK character or an emoji counts")
    min_follow_ups: int = Field(default=0, ge=0)
    max_follow_ups: int = Field(default=0, ge=0)
    max_hashtags: int = Field(default=0, ge=0, description="of a whole thread; of an article, its tags")
    max_links: int | None = Field(default=None, ge=0, description="of one post")
    max_title_length: int | None = None
    max_description_length: int | None = None
    escapes: str = ""
    """Characters that travel with a backslash, which counts; `#` before a letter costs twelve."""
    markup: Literal["none", "markdown"] = "none"
    needs_link: bool = Field(default=False, description="the campaign's link, if it has one, ends the last post")
    spacing: timedelta = Field(default=timedelta(), description="between two posts of one account")
    can_delete: bool = True
    windows: tuple[PostingWindow, ...] = Field(min_length=1)


class LoadCampaign(Wire):
    """What the first activity reads: the content, and the rules of the platforms that are named."""

    content: str | None
    artefact: Artefact | None
    channels: tuple[ChannelWish, ...]
    zones: tuple[str, ...] = ()
    """Time zones of the audience, whose names are checked."""


class Campaign(ActivityResult):
    """The content stays where it is; `excerpt` is what Claude is given of it, by `policy.publishing.excerpts.excerpt`.

    `platforms` travels with the run, in the order in which they are first named.
    """

    platforms: tuple[PlatformRules, ...]
    block_list: tuple[str, ...] = ()
    excerpt: str = ""
    characters: int = 0
    embargo: datetime | None = None
    """What the content's front matter says; the later of it and of `not_before` counts."""
    places: dict[str, str] = Field(default={}, description="by `channel/account`, how addresses of its posts begin")
    notes: tuple[str, ...] = ()
    """What of the front matter is not read."""
    text_rules: int = 1
    """Version of the rules by which the run measures its texts, to its end."""


class SourceText(Wire):
    """Input of the analysis. `source` is the whole content, or its beginning where it is too long for a question."""

    title: str
    author: str | None
    language: Language
    source: str


class AdaptationTask(Wire):
    """Input of an adaptation. `limits` says in sentences what the platform allows."""

    platform: str
    title: str
    link: str | None
    language: Language
    source: str
    analysis: ContentAnalysis
    limits: tuple[str, ...]
    max_length: int
    min_follow_ups: int
    max_follow_ups: int
    max_hashtags: int
    max_title_length: int | None
    max_description_length: int | None
    url_length: int | None = None
    wide_weight: int = 1
    problems: tuple[str, ...] = ()
    """What the quality check found in `previous`, when this is a revision."""
    previous: str = ""


class ThreadDraft(Wire):
    """A thread: each entry is one post."""

    hook: str = Field(description="the first post")
    follow_ups: list[str] = Field(description="the key points, a post each")
    call_to_action: str = Field(description="the last post, with the link if one is given")
    hashtags: list[str] = Field(description="without the # sign; they are put at the end of the last post")


class PostDraft(Wire):
    text: str = Field(description="the post, without hashtags")
    hashtags: list[str] = Field(description="without the # sign")


class ArticleDraft(Wire):
    title: str = Field(description="one line")
    description: str = Field(description="a summary for search engines, one or two sentences")
    body: str = Field(description="the article as markdown, without its title")
    tags: list[str] = Field(description="without the # sign")


Draft = ThreadDraft | PostDraft | ArticleDraft


class Adaptation(Wire):
    """One channel's texts, as checked. `shortened` says that code cut them since the answers stayed too long."""

    channel: Name
    account: Name = "main"
    posts: tuple[Post, ...]
    platform_version: str
    shortened: bool = False
    edited_by: str = ""
    provenance: Provenance | None = None


class ChannelText(Wire):
    channel: str
    text: str


class TextQualityTask(Wire):
    """Input of the quality check."""

    source: str
    key_messages: tuple[str, ...]
    texts: tuple[ChannelText, ...]


class ChannelScore(Wire):
    channel: str
    score: float = Field(description="0 (unusable) to 1 (ready)")
    issues: list[str] = Field(description="what to mend, in sentences; empty when nothing is")
    evidence: list[str] = Field(description="the passages of the text that the issues are about, word for word")


class QualityAnswer(Wire):
    scores: list[ChannelScore]


class TextFinding(Wire):
    """One thing that the checks in code found. `blocking` findings are never published, of `doubtful` ones a person
    decides.
    """

    rule: str
    text: str
    blocking: bool = True
    doubtful: bool = False


class CheckTexts(Wire):
    """What the checks in code compare: quotes that were read out of the content, and texts for the channels.

    Either may be empty: quotes are checked before there are texts.
    """

    metadata: Metadata
    content: str | None
    artefact: Artefact | None
    platforms: tuple[PlatformRules, ...]
    block_list: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()


class ChannelFindings(Wire):
    channel: Name
    account: Name = "main"
    findings: tuple[TextFinding, ...] = ()


class CheckedTexts(ActivityResult):
    """`quotes` are those that stand in the content word for word; `channels` are in the order of the adaptations."""

    quotes: tuple[str, ...] = ()
    channels: tuple[ChannelFindings, ...] = ()


class ChooseTimes(Wire):
    """When each channel is to be published, from `earliest` on."""

    wishes: tuple[ChannelWish, ...]
    platforms: tuple[PlatformRules, ...]
    zones: tuple[str, ...]
    earliest: datetime
    not_before: datetime | None = None
    not_after: datetime | None = None


class ChosenTimes(ActivityResult):
    """In the order of the wishes; None where no time is before `not_after`."""

    times: tuple[ChosenTime | None, ...]


class ChannelQuality(Wire):
    """The quality of one channel's texts: what code found, and what Claude said. Code comes first."""

    channel: Name
    account: Name = "main"
    score: float
    findings: tuple[TextFinding, ...] = ()
    issues: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    revisions: int = 0


class PublishingOutcome(StrEnum):
    PUBLISHED = "published"
    PARTLY = "partly-published"
    NOTHING = "nothing-published"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"


class PublishingResult(Wire):
    """How a campaign ended."""

    campaign: str
    outcome: PublishingOutcome
    jobs: tuple[Job, ...] = ()
    quality: tuple[ChannelQuality, ...] = ()
    analysis: ContentAnalysis | None = None
    decision: DecidedReview | None = None
    degraded: dict[str, str] = {}
    cost: Cost = Cost()
    discarded: Discard | None = None


class PublishingFailure(Wire):
    """Second detail of a run that failed, after its DeadLetter: what a redrive starts from. Nothing was published."""

    request: PublishingRequest
    analysis: ContentAnalysis | None = None


class CampaignView(Wire):
    """What the query `campaign` answers: the texts side by side, their quality, and the jobs."""

    campaign: str
    title: str
    analysis: ContentAnalysis | None = None
    adaptations: tuple[Adaptation, ...] = ()
    quality: tuple[ChannelQuality, ...] = ()
    jobs: tuple[Job, ...] = ()
