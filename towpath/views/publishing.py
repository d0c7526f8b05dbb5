"""A campaign on a terminal: its texts side by side with their quality, and what becomes of each."""

from collections.abc import Sequence
from datetime import UTC

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from towpath.contracts.publishing.campaign import Adaptation, CampaignView, ChannelQuality, PublishingResult
from towpath.contracts.publishing.posting import Job, JobState, Post
from towpath.control import campaigns
from towpath.views.processes import Subject, Views
from towpath.views.wording import count, utc

STYLES = {
    JobState.PUBLISHED: "green",
    JobState.SCHEDULED: "yellow",
    JobState.PUBLISHING: "yellow",
    JobState.HELD: "bold yellow",
    JobState.UNKNOWN: "bold red",
    JobState.FAILED: "red",
    JobState.PARTIAL: "red",
}
LEAST_WIDTH = 44
LONGEST = 1_200
"""Characters of a text that are shown; `--json` has all of it."""


def page(view: CampaignView, width: int) -> Sequence[RenderableType]:
    """The texts and jobs of a campaign."""
    title = Text(f"{view.campaign}: {view.title}", style="bold")
    return title, side_by_side(view, width), *job_lines(view.jobs)


async def task_subject(client: Client, workflow_id: str, width: int) -> Subject:
    """What a reviewer has to read before a decision."""
    view = await campaigns.view(client, workflow_id)
    return Subject(view, page(view, width))


def side_by_side(view: CampaignView, width: int) -> RenderableType:
    """The channels beside each other where the terminal is wide enough, below each other elsewhere."""
    panels = [_channel(adaptation, view) for adaptation in view.adaptations]
    if not panels:
        return Text("no texts yet")
    if width < LEAST_WIDTH * len(panels):
        return Group(*panels)
    grid = Table.grid(expand=True)
    for _ in panels:
        grid.add_column(ratio=1)
    grid.add_row(*panels)
    return grid


def job_lines(jobs: Sequence[Job]) -> list[str]:
    """Each job in a line: its state, its time, why, and where it is."""
    lines: list[str] = []
    for job in jobs:
        where = _where(job)
        lines.append(f"{job.job}: {job.state}, {utc(job.at)}, {job.reason}".rstrip(", "))
        lines += [f"  {where}"] if where else []
        lines += [f"  {job.failure.code}: {job.failure.message}"] if job.failure is not None else []
    return lines


def _where(job: Job) -> str:
    """The first post of a thread leads to the others."""
    places = [post.url or post.post_id for post in job.posts]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{places[0]}{more}" if places else ""


def result_lines(result: PublishingResult) -> list[str]:
    """A result in lines for people."""
    lines = [f"outcome: {result.outcome}"]
    if result.decision is not None:
        decision = result.decision
        lines.append(f"{decision.verdict} by {decision.reviewer} ({decision.reason or 'no reason given'})")
    lines += job_lines(result.jobs)
    lines += [f"without {step}: {note}" for step, note in result.degraded.items()]
    return [*lines, f"cost: {result.cost.in_words}"]


def name_of(item: Adaptation | ChannelQuality) -> str:
    """How people name the channel: as its job."""
    return item.channel if item.account == "main" else f"{item.channel}.{item.account}"


def _channel(adaptation: Adaptation, view: CampaignView) -> Panel:
    name = name_of(adaptation)
    quality = next((each for each in view.quality if name_of(each) == name), None)
    job = next((each for each in view.jobs if each.job == name), None)
    body: list[RenderableType] = []
    for number, post in enumerate(adaptation.posts, 1):
        count = f"{number}/{len(adaptation.posts)}  " if len(adaptation.posts) > 1 else ""
        body += [Text(f"{count}{text_of(post)}"), Text("")]
    body += [Text(line, style="dim") for line in _about(adaptation)]
    if quality is not None:
        body += _quality(quality)
    subtitle = Text("not scheduled yet", style="dim")
    if job is not None:
        subtitle = Text(f"{job.state} {job.at.astimezone(UTC):%d %b %H:%M} UTC", style=STYLES.get(job.state, ""))
    title = Text(name, style="bold")
    return Panel(Group(*body), title=title, subtitle=subtitle, title_align="left", subtitle_align="right")


def text_of(post: Post) -> str:
    text = "\n".join(part for part in (post.title, post.description, post.text) if part)
    tags = f"\ntags: {', '.join(post.tags)}" if post.tags else ""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
    return shown + tags


def _about(adaptation: Adaptation) -> list[str]:
    lines = [f"edited by {adaptation.edited_by}"] if adaptation.edited_by else []
    if adaptation.provenance is not None and not adaptation.edited_by:
        lines.append(f"by {adaptation.provenance.model}")
    return [*lines, *(["shortened by code"] if adaptation.shortened else [])]


def _quality(quality: ChannelQuality) -> list[Text]:
    lines = [Text(f"score {quality.score:.2f}, {count(quality.revisions, 'revision')}", style="bold")]
    lines += [
        Text(f"{finding.rule}: {finding.text}", style="red" if finding.blocking else "yellow")
        for finding in quality.findings
    ]
    lines += [Text(issue, style="yellow") for issue in quality.issues]
    lines += [Text(f"  “{passage}”", style="dim") for passage in quality.evidence]
    return lines


VIEWS = Views(result=result_lines, task=task_subject)
