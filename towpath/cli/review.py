"""`starter.py review list | show | approve | reject`."""

import json
from collections.abc import Collection
from typing import Annotated

import typer
from rich.table import Column, Table
from temporalio.client import WorkflowQueryFailedError

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.endings import answered
from towpath.cli.run_ids import RunId, as_person, full_id
from towpath.cli.terminal import Exit, console, fail, show_page
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.review import Decision, ReviewTask, Verdict
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.control import reviews
from towpath.registry import processes
from towpath.views.processes import Subject, views_of
from towpath.views.tables import show_table

Task = Annotated[str | None, typer.Option(help="The step, where a run has several tasks open.", metavar="STEP")]
Data = Annotated[str, typer.Option(help="What the task's form asks for, as a JSON object.", metavar="JSON")]
Reviewer = Annotated[str, as_person("Your reviewer id, as in the reviewers file. [TOWPATH_PERSON]")]

app = typer.Typer(no_args_is_help=True, help="Human tasks: what waits for a decision, and deciding it.")


@app.command("list")
def list_tasks(
    team: Annotated[str | None, typer.Option(help="Only tasks of this team, e.g. compliance-team.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only tasks past their reminder.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Open tasks, the one that is due first at the top."""
    run(_list(team, overdue=overdue, as_json=as_json))


@app.command("show")
def show(workflow_id: RunId, task: Task = None, as_json: JsonFlag = False) -> None:
    """One task: what it is about, why it needs a person, until when, and how it was decided."""
    run(_show(full_id(workflow_id), task, as_json=as_json))


@app.command("approve")
def approve(
    workflow_id: RunId,
    reviewer: Reviewer,
    reason: Annotated[str, typer.Option(help="Why; kept in the result.")] = "",
    data: Data = "{}",
    task: Task = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve. The first decision counts; a second one is refused, and told who decided and when.

    A task for several people counts each of them. A repeatable task counts every submission; the same words of the same
    person count once.
    """
    form = _form(data)
    decision = Decision(verdict=Verdict.APPROVE, reviewer=reviewer, reason=reason, task=task, data=form)
    run(decide_task(full_id(workflow_id), decision, as_json))


@app.command("reject")
def reject(
    workflow_id: RunId,
    reviewer: Reviewer,
    reason: Annotated[str, typer.Option(help="Why; a rejection needs it.")],
    data: Data = "{}",
    task: Task = None,
    as_json: JsonFlag = False,
) -> None:
    """Reject, with a reason. The customer is not onboarded; a definition ends rejected, or goes on as it says."""
    form = _form(data)
    decision = Decision(verdict=Verdict.REJECT, reviewer=reviewer, reason=reason, task=task, data=form)
    run(decide_task(full_id(workflow_id), decision, as_json))


def _form(text: str) -> JsonObject:
    form = json_object(text)
    if form is None:
        fail(Exit.WRONG_INPUT, f"--data: {text[:60]} is no JSON object")
    return form


async def _list(team: str | None, *, overdue: bool, as_json: bool) -> None:
    tasks = await reviews.list_reviews(await client(), team)
    if overdue:
        tasks = [task for task in tasks if reviews.overdue(task)]
    if as_json:
        show_json(tasks)
        return
    if not tasks:
        console.print("Nothing waits for a decision.")
        return
    table = Table("due (UTC)", "team", "what", Column("run", overflow="fold"), box=None)
    for task in tasks:
        what = f"{task.title} ({task.came})" if task.came else task.title
        table.add_row(f"{task.due_at:%Y-%m-%d %H:%M}", task.team, what, task.workflow_id)
    show_table(console, table)


async def _show(workflow_id: str, step: str | None, *, as_json: bool) -> None:
    task = await reviews.find_review(await client(), workflow_id, step)
    if task is None:
        fail(Exit.NOT_FOUND, f"{workflow_id} has no review" + (f" in {step}" if step else ""))
    subject = await _subject(workflow_id)
    if as_json:
        show_json(task if subject is None else {**task.model_dump(mode="json"), "subject": subject.facts})
        return
    if subject is not None:
        show_page(subject.page)
    end = await reviews.end_of(await client(), workflow_id) if task.is_open else ""
    lines = describe(task, told=frozenset() if subject is None else subject.told, end=end)
    console.print(*lines, sep="\n", markup=False, soft_wrap=True)


async def _subject(workflow_id: str) -> Subject | None:
    """What the task is about, where its process can say it, and its worker knows the question."""
    temporal = await client()
    process = processes().get((await temporal.get_workflow_handle(workflow_id).describe()).workflow_type)
    ask = None if process is None else views_of(process).task
    try:
        return None if ask is None else await ask(temporal, workflow_id, console.width)
    except WorkflowQueryFailedError:
        return None


def describe(task: ReviewTask, told: Collection[str] = (), end: str = "") -> list[str]:
    """A task in lines for people, without the reasons that are told already. `end` is how its run ended."""
    lines = [f"{task.title}: for {task.team}, due {in_utc(task.due_at)}"]
    lines += [f"  - {reason}" for reason in task.reasons if reason not in told]
    lines += task.instructions.strip().splitlines()
    lines += [f"form: {json.dumps(task.form, ensure_ascii=False)}"] if task.form is not None else []
    if task.quorum > 1:
        names = ", ".join(approval.reviewer for approval in task.approvals) or "nobody yet"
        lines.append(f"approved by {names}; {task.quorum} must")
    lines += [f"{task.came} so far"] if task.came and task.is_open else []
    lines += [
        f"  {one.verdict} by {one.reviewer} at {in_utc(one.at)} {one.reason}".rstrip() for one in task.submissions
    ]
    if task.decision is not None:
        decision = task.decision
        lines.append(f"decided: {decision.verdict} by {decision.reviewer} at {in_utc(decision.at)}")
        lines += [f"  {decision.reason}"] if decision.reason else []
    elif not task.is_open:
        ended = "expired: nobody decided in time" if task.expired else "closed: nobody needs to decide it any more"
        lines.append(f"closed: {task.came}" if task.came else ended)
    elif end:
        lines.append(f"closed: {end}")
    else:
        form = "" if task.form is None else " --data JSON"
        lines.append(f"approve: python starter.py review approve {task.workflow_id} --as REVIEWER{form}")
        lines.append(f"reject:  python starter.py review reject {task.workflow_id} --as REVIEWER --reason WHY")
    lines += [f"refused signal of {refused.reviewer}: {refused.code}" for refused in task.refused]
    return lines


async def decide_task(workflow_id: str, decision: Decision, as_json: bool) -> None:
    """Decide a task of a run of any process. Ends the command when the decision is refused."""
    decided = await answered(workflow_id, reviews.decide(await client(), workflow_id, decision, once=True))
    if as_json:
        show_json(decided)
    else:
        console.print(f"{workflow_id}: {decided.verdict} by {decided.reviewer} ({decided.role})", markup=False)
