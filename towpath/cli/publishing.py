"""`starter.py publishing start | show | reschedule | edit | cancel | publish-now | release | settle`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from temporalio.client import Client

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.endings import answered, follow, open_run
from towpath.cli.files import read_text
from towpath.cli.run_ids import By, Why, full_id
from towpath.cli.terminal import Exit, console, fail, show_page, warn
from towpath.config.platforms import PlatformFilesError, load_platforms
from towpath.config.stores import access_of
from towpath.contracts.core.delivery import Language
from towpath.contracts.core.failure import HouseError, PublishError
from towpath.contracts.core.wire import json_object
from towpath.contracts.publishing.campaign import (
    CONTENT_BYTES,
    PublishingPolicy,
    PublishingRequest,
)
from towpath.contracts.publishing.posting import EditPosts, Job, JobChange, Post, Reschedule, Settle
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control import campaigns as desk
from towpath.engine.language.mistakes import place_of, words_of
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.policy.publishing.sources import source_of
from towpath.policy.publishing.timing import unknown_zones
from towpath.views.publishing import job_lines
from towpath.views.publishing import page as campaign_page
from towpath.views.wording import count, form_of

CampaignOf = Annotated[str, typer.Argument(help="The campaign: content-publishing/ID, or ID alone.", metavar="ID")]
JobOf = Annotated[str, typer.Argument(help="The job: a channel as in x, or x.ACCOUNT.", metavar="JOB")]
JobsOf = Annotated[str, typer.Argument(help="The job; without it, all that have not begun.", metavar="[JOB]")]
_MOMENT = TypeAdapter(datetime)
_POSTS = TypeAdapter(list[Post])

app = typer.Typer(no_args_is_help=True, help="Campaigns: one content, adapted to every channel and published once.")


@app.command("start")
def start(
    file: Annotated[Path, typer.Argument(help="The content as markdown; `-` reads stdin.", metavar="FILE")],
    campaign: Annotated[str | None, typer.Option(help="Your id of the campaign; names the run.")] = None,
    title: Annotated[str | None, typer.Option(help="Title of the content.")] = None,
    author: Annotated[str | None, typer.Option(help="Who wrote it.")] = None,
    url: Annotated[str | None, typer.Option("--link", help="Where readers should go, https://…")] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="NAME, NAME/ACCOUNT, or NAME@TIME to fix its time; give it once for each channel."),
    ] = None,
    zone: Annotated[list[str] | None, typer.Option(help="Time zone of the audience, as in Asia/Seoul.")] = None,
    not_before: Annotated[str | None, typer.Option(help="Embargo, as in 2027-03-28T09:00+02:00.")] = None,
    not_after: Annotated[str | None, typer.Option(help="Stale after it: dropped, never published late.")] = None,
    language: Annotated[str | None, typer.Option(help=f"Of the posts: {', '.join(Language)}.")] = None,
    require_approval: Annotated[bool, typer.Option("--require-approval", help="A person must approve.")] = False,
    metadata: Annotated[Path | None, typer.Option(help="JSON file with any of these; options win over it.")] = None,
    policy: Annotated[str, typer.Option(help=f"When a channel fails: {', '.join(PublishingPolicy)}.")] = "rest",
    threshold: Annotated[float, typer.Option(help="A score below it is revised, then reviewed.")] = 0.8,
    cut_off: Annotated[float, typer.Option(help="Seconds before a post from which on nothing changes it.")] = 30,
    budget_usd: Annotated[float | None, typer.Option(help="Most that Claude may cost in this run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result, and exit by it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Start a campaign. Content up to 1 MB; above 64 KiB it is kept beside the history and travels as a reference.

    Starting twice for one campaign is one run.

    Example: starter.py publishing start article.md --campaign locks-7 --title "Locks" --channel x --channel linkedin
    """
    options: dict[str, Any] = {
        "campaign": campaign,
        "title": title,
        "author": author,
        "link": url,
        "language": language,
        "not_before": not_before,
        "not_after": not_after,
        "audience_zones": zone,
        "channels": None if channel is None else [_wish(text) for text in channel],
        "require_approval": True if require_approval else None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    content = _content(file)
    wanted: dict[str, Any] = {
        "metadata": {**_front_matter(file, content), **_metadata(metadata), **given},
        "policy": policy,
        "threshold": threshold,
        "cut_off": cut_off,
        **({} if budget_usd is None else {"budget": {"usd": budget_usd}}),
    }
    run(_start(content, wanted, wait=wait, as_json=as_json))


@app.command("show")
def show(workflow_id: CampaignOf, as_json: JsonFlag = False) -> None:
    """The texts side by side with their quality, and when each goes out or where it is."""
    run(show_campaign(full_id(workflow_id, PUBLISHING), as_json=as_json))


@app.command("reschedule")
def reschedule(
    workflow_id: CampaignOf,
    job: JobOf,
    at: Annotated[str, typer.Option(help="The new time, as in 2027-03-28T09:00+02:00.")],
    by: By,
    reason: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """Another time for a job, until its cut-off."""
    change = Reschedule(job=job, at=_moment(at), by=by, reason=reason)
    run(_change(workflow_id, lambda temporal, name: _one(desk.reschedule(temporal, name, change)), as_json=as_json))


@app.command("edit")
def edit(
    workflow_id: CampaignOf,
    job: JobOf,
    file: Annotated[
        Path,
        typer.Option(help="The text, posts of a thread parted by lines of ---, or JSON posts; `-` reads stdin."),
    ],
    by: By,
    reason: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """New texts for a job, until its cut-off, during its review as well. They are checked as Claude's are."""
    change = EditPosts(job=job, posts=tuple(_posts(read_text(file))), by=by, reason=reason)
    run(_edit(full_id(workflow_id, PUBLISHING), change, as_json=as_json))


@app.command("cancel")
def cancel(workflow_id: CampaignOf, by: By, job: JobsOf = "*", reason: Why = "", as_json: JsonFlag = False) -> None:
    """Do not publish a job, or any that has not begun. What is out stays."""
    run(_jobs(workflow_id, "cancel", JobChange(job=job, by=by, reason=reason), as_json=as_json))


@app.command("publish-now")
def publish_now(
    workflow_id: CampaignOf, by: By, job: JobsOf = "*", reason: Why = "", as_json: JsonFlag = False
) -> None:
    """Publish a job at once, or all that have not begun. The embargo holds."""
    run(_jobs(workflow_id, "publish_now", JobChange(job=job, by=by, reason=reason), as_json=as_json))


@app.command("release")
def release(workflow_id: CampaignOf, by: By, job: JobsOf = "*", reason: Why = "", as_json: JsonFlag = False) -> None:
    """Let jobs go on that are held since another one failed."""
    run(_jobs(workflow_id, "release", JobChange(job=job, by=by, reason=reason), as_json=as_json))


@app.command("settle")
def settle(
    workflow_id: CampaignOf,
    job: JobOf,
    by: By,
    post_id: Annotated[str, typer.Option(help="It is out, with this id.")] = "",
    url: Annotated[str, typer.Option(help="Where it is.")] = "",
    not_published: Annotated[bool, typer.Option("--not-published", help="It is not out: try again.")] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="It is not out: do not try again.")] = False,
    reason: Why = "",
    as_json: JsonFlag = False,
) -> None:
    """Say whether a post is out, where the platform did not."""
    if bool(post_id) == (not_published or give_up):
        fail(Exit.WRONG_INPUT, "Give --post-id when it is out; else --not-published, or --give-up.")
    if url and not post_id:
        fail(Exit.WRONG_INPUT, "--url: a post that is not out has no address")
    change = Settle(job=job, published=bool(post_id), post_id=post_id, url=url, give_up=give_up, by=by, reason=reason)
    run(_change(workflow_id, lambda temporal, name: _one(desk.settle(temporal, name, change)), as_json=as_json))


async def show_campaign(workflow_id: str, *, as_json: bool) -> None:
    """The texts and jobs of a campaign."""
    seen = await desk.view(await client(), workflow_id)
    if as_json:
        show_json(seen)
        return
    show_page(campaign_page(seen, console.width))


async def _start(content: str, wanted: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    own = settings()
    try:
        placed = await desk.place(content, ArtefactStore(own.artefact_store, access_of(own)))
        request = PublishingRequest.model_validate({**wanted, **placed})
        load_platforms(own.platforms_folder).named(wish.channel for wish in request.metadata.channels)
    except ValidationError as error:
        fail(Exit.WRONG_INPUT, *explain(error))
    except ArtefactStoreError as error:
        fail(Exit.WRONG_INPUT, f"TOWPATH_ARTEFACT_STORE: {error}")
    except PlatformFilesError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
    except HouseError as error:
        fail(Exit.WRONG_INPUT, f"--channel: {error.message}")
    zones = unknown_zones(request.metadata.audience_zones)
    if zones:
        fail(Exit.WRONG_INPUT, *(f"--zone: {problem}" for problem in zones))
    temporal = await client()
    await follow(PUBLISHING, temporal, desk.start_campaign(temporal, request), wait=wait, as_json=as_json)


async def _edit(workflow_id: str, change: EditPosts, *, as_json: bool) -> None:
    temporal = await client()
    await open_run(temporal, workflow_id)
    adaptation = await answered(workflow_id, desk.edit(temporal, workflow_id, change))
    if as_json:
        show_json(adaptation)
    else:
        console.print(f"{change.job}: {count(len(adaptation.posts), 'post')} by {adaptation.edited_by}", markup=False)


async def _jobs(name: str, what: str, change: JobChange, *, as_json: bool) -> None:
    await _change(
        name, lambda temporal, workflow_id: desk.change_jobs(temporal, workflow_id, what, change), as_json=as_json
    )


async def _change(name: str, change: Callable[[Client, str], Awaitable[list[Job]]], *, as_json: bool) -> None:
    workflow_id, temporal = full_id(name, PUBLISHING), await client()
    await open_run(temporal, workflow_id)
    jobs = await answered(workflow_id, change(temporal, workflow_id))
    if as_json:
        show_json(jobs)
    else:
        console.print(*job_lines(jobs), sep="\n", markup=False, soft_wrap=True)


async def _one(change: Awaitable[Job]) -> list[Job]:
    return [await change]


def explain(error: ValidationError) -> list[str]:
    """Each problem in a line: where, what, and how to mend it."""
    lines: list[str] = []
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        name = path[-1] if path else "request"
        option = f"; give it as --{'link' if name == 'link' else name.replace('_', '-').removesuffix('s')}"
        if problem["type"] == "missing":
            lines.append(f"{name}: is missing{option}, or in the file of --metadata")
        elif problem["type"] == "string_pattern_mismatch":
            lines.append(f"{'.'.join(path)}: {form_of(name)}")
        else:
            lines.append(f"{place_of(problem) or 'request'}: {words_of(problem)}")
    return lines


def _content(file: Path) -> str:
    text = read_text(file)
    size = len(text.encode())
    if size > CONTENT_BYTES:
        fail(
            Exit.WRONG_INPUT,
            f"{file}: {size:,} bytes; a campaign takes at most {CONTENT_BYTES:,}",
            "Publish it in parts, a campaign each, or give the part that is to be announced.",
        )
    if not text.strip():
        fail(Exit.WRONG_INPUT, f"{file}: is empty")
    return text


def _front_matter(file: Path, content: str) -> dict[str, Any]:
    """Title and author as the content itself gives them; the worker reads its embargo. A draft is not started."""
    try:
        source = source_of(content)
    except PublishError as error:
        fail(Exit.WRONG_INPUT, f"{file}: {error.message}")
    if source.is_draft:
        fail(Exit.WRONG_INPUT, f"{file}: its front matter says that it is a draft", "Take draft: true out of it first.")
    for note in source.notes:
        warn(f"{file}: {note}")
    return {name: value for name, value in (("title", source.title), ("author", source.author)) if value}


def _metadata(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    document = json_object(read_text(file))
    if document is None:
        fail(Exit.WRONG_INPUT, f"{file}: is not a JSON object", 'Give {"campaign": …, "title": …, "channels": […]}')
    return dict(document)


def _wish(text: str) -> dict[str, str]:
    """`x`, `x/brand`, `x@2027-03-28T09:00+02:00`, `x/brand@…`."""
    place, _, at = text.partition("@")
    channel, _, account = place.partition("/")
    return {"channel": channel, **({"account": account} if account else {}), **({"at": at} if at else {})}


def _moment(text: str) -> datetime:
    try:
        moment = _MOMENT.validate_python(text)
    except ValidationError:
        fail(Exit.WRONG_INPUT, f"--at: {text!r} is no time; give it as in 2027-03-28T09:00+02:00")
    if moment.tzinfo is None:
        fail(Exit.WRONG_INPUT, f"--at: {text!r} lacks its offset from UTC; give it as in 2027-03-28T09:00+02:00")
    return moment


def _posts(text: str) -> Sequence[Post]:
    """Posts as JSON, or as texts that are parted by lines of three dashes."""
    if text.lstrip().startswith(("[", "{")):
        try:
            return _POSTS.validate_json(text if text.lstrip().startswith("[") else f"[{text}]")
        except ValidationError as error:
            fail(Exit.WRONG_INPUT, *explain(error))
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == "---":
            parts.append([])
        else:
            parts[-1].append(line)
    return [Post(text="\n".join(part).strip()) for part in parts if "".join(part).strip()]
