"""Human tasks from outside: listing what waits for whom, and deciding by Update."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.listing import in_query
from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.process import PENDING_ASSIGNEES, PENDING_UNTIL
from towpath.contracts.core.review import DecidedReview, Decision, ReviewTask
from towpath.contracts.core.run import RunRecord
from towpath.control.again import ANSWER_WITHIN
from towpath.temporal.failures import to_application_error

if TYPE_CHECKING:
    from towpath.contracts.declared.run import Edit

AnswerT = TypeVar("AnswerT")
AT_ONCE = 20
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.1
_ENDS = {
    WorkflowExecutionStatus.CANCELED: "was cancelled",
    WorkflowExecutionStatus.TERMINATED: "was terminated",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
}


async def list_reviews(client: Client, team: str | None = None) -> list[ReviewTask]:
    """Open tasks of a team, or of all, the one that is due first at the top. Needs a worker, which answers queries."""
    wanted = f"{PENDING_UNTIL.name} IS NOT NULL" if team is None else f"{PENDING_ASSIGNEES.name} = {in_query(team)}"
    runs = [run async for run in client.list_workflows(f"{wanted} AND ExecutionStatus = 'Running'")]
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(run: WorkflowExecution) -> list[ReviewTask]:
        async with turns:
            return await _reviews(client, run.id)

    found = [task for tasks in await asyncio.gather(*(read(run) for run in runs)) for task in tasks]
    return sorted((task for task in found if not closed(task)), key=lambda task: task.due_at)


async def find_review(client: Client, workflow_id: str, task: str | None = None) -> ReviewTask | None:
    """The run's task, or the one of a step; decided or not; None when there is none."""
    if task is not None:
        tasks = await _reviews(client, workflow_id)
        return next((found for found in tasks if found.task == task), None)
    handle = client.get_workflow_handle(workflow_id)
    answer: dict[str, Any] | None = await handle.query("review", rpc_timeout=ANSWER_WITHIN)
    return None if answer is None else ReviewTask.model_validate(answer)


async def _reviews(client: Client, workflow_id: str) -> list[ReviewTask]:
    handle = client.get_workflow_handle(workflow_id)
    answer: list[dict[str, Any]] = await handle.query("reviews", rpc_timeout=ANSWER_WITHIN)
    return [ReviewTask.model_validate(task) for task in answer]


async def decide(client: Client, workflow_id: str, decision: Decision, *, once: bool = False) -> DecidedReview:
    """Decide a task. The same reviewer's same decision on the same task, sent twice, is one decision; of a task that is
    submitted any number of times, when its reason is the same, too. With `once`, the second one is refused.

    Without a task, the one that is open now is meant, and no other that may be open when the decision arrives.

    Raises WorkflowUpdateFailedError with the refusal, also when the run ended by another decision or in the meantime;
    RPCError when there is no such run or no worker answers.
    """
    task = await find_review(client, workflow_id, decision.task)
    before = None if task is None or not once else decided_before(task, decision.reviewer)
    if before is not None:
        raise WorkflowUpdateFailedError(to_application_error(before))
    name = decision.task if task is None else task.task
    is_once = task is not None and not task.repeatable
    said = decision.data if is_once else [decision.data, decision.reason.strip()]
    words = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
    decision = decision.model_copy(update={"task": name or None})
    update_id = f"decide/{name or ''}/{decision.reviewer}/{decision.verdict}/{words}"

    async def is_shown() -> bool:
        task = await find_review(client, workflow_id, name or None)
        return task is not None and task.is_open and task.task == (name or "")

    return await _once_it_is_open(lambda: _send(client, workflow_id, decision, update_id), is_shown)


async def edit_step(client: Client, workflow_id: str, verb: Literal["skip", "set_output"], edit: "Edit") -> RunRecord:
    """Skip a step of a definition's run, or set its output, which decides a human task.

    Raises WorkflowUpdateFailedError with the refusal; RPCError when there is no such run or no worker answers.
    """
    handle = client.get_workflow_handle(workflow_id)

    async def is_shown() -> bool:
        """Not only the step's own task: the edit may pass by another one, which guards it."""
        return any(task.is_open for task in await _reviews(client, workflow_id))

    def send() -> Awaitable[RunRecord]:
        return handle.execute_update(verb, edit, result_type=RunRecord, rpc_timeout=ANSWER_WITHIN)

    return await _once_it_is_open(send, is_shown)


async def _once_it_is_open(send: Callable[[], Awaitable[AnswerT]], is_shown: Callable[[], Awaitable[bool]]) -> AnswerT:
    """Send it again, up to five times, while the run refuses it since a task is not open that a query shows as open.

    An update is checked before the results that come in the same task, so a task that a query showed can still be
    closed to it for a moment.
    """
    wait = FIRST_WAIT_SECONDS
    for _ in range(ATTEMPTS - 1):
        try:
            return await send()
        except WorkflowUpdateFailedError as error:
            if refusal(error) is not FailureCode.REVIEW_NOT_OPEN or not await is_shown():
                raise
        await asyncio.sleep(wait)
        wait *= 2
    return await send()


async def _send(client: Client, workflow_id: str, decision: Decision, update_id: str) -> DecidedReview:
    handle = client.get_workflow_handle(workflow_id)
    try:
        decided: DecidedReview = await handle.execute_update(
            "decide", decision, id=update_id, result_type=DecidedReview, rpc_timeout=ANSWER_WITHIN
        )
    except (RPCError, WorkflowUpdateFailedError) as error:
        refused = await _ended(client, workflow_id, decision.task) if _came_too_late(error) else None
        if refused is None:
            raise
    else:
        return decided
    raise WorkflowUpdateFailedError(to_application_error(refused))


def _came_too_late(error: RPCError | WorkflowUpdateFailedError) -> bool:
    """Whether Temporal itself refused, since the run has ended, or ended while the decision was on its way."""
    if isinstance(error, RPCError):
        return error.status is RPCStatusCode.NOT_FOUND
    return refusal(error) is None


async def _ended(client: Client, workflow_id: str, task: str | None) -> HouseError | None:
    """Why a decision on a run that has ended does not count; None for one that is not there, or goes on."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        run = await handle.describe()
        if run.status is WorkflowExecutionStatus.RUNNING:
            return None
        found = await find_review(client, workflow_id, task or None)
    except RPCError:
        return None
    if found is None:
        message = f"{_how_ended(run)}, and never asked for a decision"
        return HouseError(FailureCode.REVIEW_NOT_OPEN, message)
    if found.decision is not None:
        return _already(found.decision)
    if found.expired and (run.close_time is None or found.due_at <= run.close_time):
        message = f"nobody decided until {in_utc(found.due_at)}; {_how_ended(run)}"
        return HouseError(FailureCode.REVIEW_EXPIRED, message)
    return HouseError(FailureCode.REVIEW_EXPIRED, f"{_how_ended(run)} before anybody decided")


def _how_ended(run: WorkflowExecutionDescription) -> str:
    """In words; an ended run has a time of its end."""
    at = "" if run.close_time is None else f" at {in_utc(run.close_time)}"
    how = "ended" if run.status is None else _ENDS.get(run.status, "ended")
    return f"the run {how}{at}"


def decided_before(task: ReviewTask, person: str) -> HouseError | None:
    """Why a decision of the person comes too late for a task that is decided once: who decided, what, and when."""
    if task.repeatable:
        return None
    if task.decision is not None:
        return _already(task.decision)
    own = next((approval for approval in task.approvals if approval.reviewer == person), None)
    if own is None:
        return None
    message = f"already approved by {person} at {in_utc(own.at)}; {task.quorum} people must"
    return HouseError(FailureCode.REVIEW_ALREADY_DECIDED, message)


def _already(decision: DecidedReview) -> HouseError:
    message = f"already decided: {decision.verdict} by {decision.reviewer} at {in_utc(decision.at)}"
    return HouseError(FailureCode.REVIEW_ALREADY_DECIDED, message)


async def end_of(client: Client, workflow_id: str) -> str:
    """How the run ended, in words; empty while it goes on."""
    run = await client.get_workflow_handle(workflow_id).describe()
    return "" if run.status is WorkflowExecutionStatus.RUNNING else _how_ended(run)


def refusal(error: WorkflowUpdateFailedError) -> FailureCode | None:
    """Why an update was refused; None for what is no failure of ours."""
    code = error.cause.type if isinstance(error.cause, ApplicationError) else None
    return FailureCode(code) if code in set(FailureCode) else None


def closed(task: ReviewTask) -> bool:
    return not task.is_open


def overdue(task: ReviewTask, now: datetime | None = None) -> bool:
    """Past its reminder: it should have been decided by now."""
    return (now or datetime.now(UTC)) > task.remind_at
