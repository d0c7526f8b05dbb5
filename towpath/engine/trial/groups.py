"""Groups with `for_each` in memory: each item is a run of its own, on the clock and with the answers of the test."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import Cancellation
from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.declared.within import Left, Sending, Undo, Within
from towpath.engine.language.definition import CaseOperation
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Completed, End, Failed, Outcome, State
from towpath.engine.run.within import event_read, inputs_read, within, within_undo
from towpath.engine.scheduling.leaving import ItemsUndone, leavings, of_place
from towpath.engine.scheduling.progress import Progress
from towpath.engine.trial.run import TrialJob, TrialRun
from towpath.engine.trial.virtual import WithdrawnError

if TYPE_CHECKING:
    from towpath.engine.trial.waits import TrialTask

UNDONE = str(State.UNDONE)
REJECTED = "a person rejected it"


class ItemRun(Protocol):
    """The run of one item."""

    run: TrialRun
    progress: Progress
    ended: End | None
    undone: list[str]

    @property
    def not_undone(self) -> list[str]: ...

    @property
    def items(self) -> "TrialItems": ...

    def begin(self) -> None: ...

    def unwind(self, undos: Sequence[Undo]) -> None: ...

    def cancel(self, why: Cancellation) -> None: ...

    def settle(self, index: int, operation: CaseOperation, why: Cancellation) -> None: ...

    def report(self) -> None:
        """Put states and branches into the result of its run."""
        ...


NewItem = Callable[[PlanNode, Within, JsonObject, JsonValue, str], ItemRun]


class TrialItems:
    """The items of the groups of one run. `new` makes the run of an item from what it begins with and its name."""

    def __init__(self, run: TrialRun, around: Within | None, new: NewItem) -> None:
        self._run, self._around, self._new = run, around, new
        self._open: dict[str, ItemRun] = {}
        self.left: dict[str, Left] = {}
        self.asked: dict[str, list[TrialTask]] = {}
        """By place of a group that was begun: what people were asked in its items."""

    async def perform(self, job: TrialJob) -> Outcome:
        """The members of one item."""
        with job.sending() if job.run.evaluation.has_effect(job.node) else nullcontext():
            outcome = await self._members(job)
        if isinstance(outcome, Failed) and not outcome.unknown:
            job.run.doubts.clear(job.at, job.name)
        return outcome

    def find(self, name: str) -> tuple[ItemRun, str] | None:
        """The open run of the item that a name begins with, and what follows in it."""
        for item, found in self._open.items():
            if name.startswith(f"{item}/"):
                rest = name.removeprefix(f"{item}/")
                return found.items.find(rest) or (found, rest)
        return None

    async def _members(self, job: TrialJob) -> Outcome:
        evaluation, node = job.run.evaluation, job.node
        given = within(node, evaluation, self._around, job.names, job.name, Budget())
        item = self._new(node, given, inputs_read(node, evaluation), event_read(node, evaluation), job.name)
        self._open[job.name] = item
        item.begin()
        try:
            await job.run.time.until(lambda: item.ended is not None)
        except WithdrawnError:
            item.cancel(job.run.cancelled.get(job.at) or Cancellation(by="the run", reason="it is over"))
            await job.run.time.until(lambda: item.ended is not None)
            job.run.doubts.clear(job.at, job.name)
            raise
        finally:
            self._close(job.name, item)
        return self._outcome(job, item, given)

    def _close(self, name: str, item: ItemRun) -> None:
        item.report()
        del self._open[name]
        self._run.beside.remove(item.run)
        asked = self.asked.setdefault(name.rpartition("/")[0], [])
        asked.extend(item.run.tasks.values())
        asked.extend(task for tasks in item.items.asked.values() for task in tasks)
        self._merge(name, item)

    def report(self) -> None:
        """Tell of the items that are under way when the test is over."""
        for name, item in self._open.items():
            item.report()
            self._merge(name, item)

    def _merge(self, name: str, item: ItemRun) -> None:
        own, of = self._run.result, item.run.result
        own.states |= {f"{name}/{step}": state for step, state in of.states.items()}
        own.attempts |= {f"{name}/{step}": count for step, count in of.attempts.items()}
        own.branches |= {f"{name}/{step}": branch for step, branch in of.branches.items()}
        own.chosen |= {f"{name}/{step}": choice for step, choice in of.chosen.items()}

    def _outcome(self, job: TrialJob, item: ItemRun, given: Within) -> Outcome:
        end, stays = item.ended, item.not_undone
        left = leavings(item.progress, given, item.items.left, Sending(began=job.run.time.now, salt=""))
        if end is not None and end.status == "completed":
            if left is not None:
                self.left[job.name] = left
            return Completed(end.outputs)
        if end is None or end.failure is None:
            failure = Failure(code=FailureCode.CHILD_FAILED, message=REJECTED)
        else:
            message = clip(f"{end.step or 'run'}: {end.failure.message}")
            failure = end.failure.model_copy(update={"message": message})
        if stays and job.run.evaluation.has_effect(job.node):
            self.left[job.name] = Left(stays=tuple(stays))
            message = clip(f"{failure.message}; not undone: {', '.join(stays)}")
            return Failed(failure.model_copy(update={"message": message, "unknown": True}), unknown=True)
        return Failed(failure.model_copy(update={"unknown": False}))

    async def undo(self, node: PlanNode, place: str) -> ItemsUndone:
        """Undo what the items of a group left, the last of them first, a few at once."""
        loop = None if node.step is None else node.step.for_each
        found, time, busy = ItemsUndone(), self._run.time, list[str]()
        most = 1 if loop is None else loop.concurrency

        async def one(name: str, left: Left) -> None:
            await time.until(lambda: len(busy) < most)
            busy.append(name)
            await self._undo_item(node, name, left, found)
            busy.remove(name)

        items = of_place(self.left, place)
        strands = [time.start(one(name, items[name])) for name in reversed(items)]
        await time.until(lambda: all(strand.done for strand in strands))
        return found

    async def _undo_item(self, node: PlanNode, name: str, left: Left, found: ItemsUndone) -> None:
        found.left.extend(f"{name}/{step}".rstrip("/") for step in left.stays)
        if not left.undo:
            return
        evaluation = self._run.evaluation
        given = within_undo(node, evaluation, self._around, left, Budget(), "")
        item = self._new(node, given, inputs_read(node, evaluation), None, name)
        item.unwind(left.undo)
        await self._run.time.until(lambda: item.ended is not None)
        found.done.extend(f"{name}/{step}" for step in item.undone)
        found.left.extend(f"{name}/{step}" for step in item.not_undone)
        rest = tuple(undo for undo in left.undo if undo.place in item.not_undone)
        self.left[name] = left.model_copy(update={"undo": rest})
        item.report()
        states = item.run.result.states
        self._run.result.states |= {f"{name}/{step}": state for step, state in states.items() if state == UNDONE}


async def perform_members(job: TrialJob) -> Outcome:
    if job.run.items is None:
        raise TypeError(job.node.id)
    return await job.run.items.perform(job)
