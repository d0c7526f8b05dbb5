"""`starter.py runs redrive` and `queue redrive`: failed runs of any process, continued where they failed."""

from typing import Annotated

import typer
from pydantic import JsonValue
from temporalio.client import Client

from towpath.cli.as_json import JsonFlag, parsed_json, show_json
from towpath.cli.configuration import settings
from towpath.cli.connection import client, run
from towpath.cli.queue import find
from towpath.cli.redriving.planning import RedriveChange, RedrivePlan, planner_of
from towpath.cli.run_ids import acting, full_id
from towpath.cli.terminal import Exit, console, fail
from towpath.control import deadletters
from towpath.control.deadletters import Letter
from towpath.registry import default_process

app = typer.Typer()


@app.command("redrive")
def redrive(
    workflow_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The run.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs of the queue given with --queue.")] = False,
    queue: Annotated[str | None, typer.Option(help="The queue for --all; without it, failed-onboarding.")] = None,
    with_definition: Annotated[
        str | None,
        typer.Option(
            "--with", help="Of a definition's run: another version, ID@VERSION or a file.", metavar="ID[@VERSION]|FILE"
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of a definition's run: STEP=JSON, the output to use instead of doing the step."),
    ] = None,
    by: Annotated[str, typer.Option("--as", "--by", help="Who does it. [TOWPATH_PERSON]", metavar="NAME")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be kept and done again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Continue a failed run: answers and decisions are kept, and effects keep their keys.

    People are asked again when what they approved is changed by --with or --set. A definition that no longer asks them
    needs one of them.
    """
    change = RedriveChange(with_definition, dict(_assignment(text) for text in outputs or []), _person(by))
    if workflow_id is not None and not every:
        run(_redrive_one(full_id(workflow_id), change, dry_run=dry_run, as_json=as_json))
    elif workflow_id is not None or not every:
        fail(Exit.WRONG_INPUT, "Give one run's ID, or --all.")
    elif change:
        fail(Exit.WRONG_INPUT, "--with and --set are for one run: give its ID instead of --all.")
    else:
        run(_redrive_all(queue or default_process().dead_letter_queue, dry_run=dry_run, as_json=as_json))


def _person(name: str) -> str | None:
    """Who does it. Where decisions are signed it is somebody; else it may be nobody, who changes no approval."""
    signed = bool(settings().decision_keys())
    return acting(name) if signed else name or settings().person


async def _redrive_one(workflow_id: str, change: RedriveChange, *, dry_run: bool, as_json: bool) -> None:
    temporal = await client()
    told = await _redriven(temporal, await find(temporal, workflow_id), change, dry_run=dry_run, as_json=as_json)
    if as_json:
        show_json(told)


async def _redrive_all(queue: str, *, dry_run: bool, as_json: bool) -> None:
    temporal = await client()
    letters = await deadletters.list_letters(temporal, queue)
    told = [await _redriven(temporal, letter, RedriveChange(), dry_run=dry_run, as_json=as_json) for letter in letters]
    if as_json:
        show_json(told)
    elif not letters:
        console.print("The queue is empty.")


async def _redriven(
    temporal: Client, letter: Letter, change: RedriveChange, *, dry_run: bool, as_json: bool
) -> dict[str, object]:
    """Redrive one run, and tell what of it is kept and done again."""
    plan = await planner_of(letter.process)(temporal, letter, letter.failure, change)
    started = None if dry_run else await deadletters.redrive(temporal, letter, plan.request)
    if not as_json:
        _tell(letter, plan, dry_run=dry_run)
    return {
        "workflow_id": letter.workflow_id,
        "run_id": None if started is None else started.handle.result_run_id,
        "dry_run": dry_run,
        "failed_step": letter.letter.step,
        "kept": plan.kept,
        "again": plan.again,
        "sends": plan.sends,
    }


def _tell(letter: Letter, plan: RedrivePlan, *, dry_run: bool) -> None:
    done = "would redrive" if dry_run else "redriven"
    lines = [f"{done}: {letter.workflow_id} from {letter.letter.step}"]
    lines.append(f"  kept: {', '.join(plan.kept) or 'nothing'}")
    lines += [f"  done again: {step} ({why})" for step, why in plan.again.items()]
    lines += [f"  sent: {step} {how}" for step, how in plan.sends.items()]
    console.print(*lines, sep="\n", markup=False, soft_wrap=True)


def _assignment(text: str) -> tuple[str, JsonValue]:
    step, sign, value = text.partition("=")
    if not sign:
        fail(Exit.WRONG_INPUT, f"--set: write STEP=JSON, not {text!r}")
    return step, parsed_json(value, f"--set {step}")
