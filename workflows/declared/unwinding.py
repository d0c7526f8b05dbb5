"""What a run that cannot be completed still does: undo its steps, tell people, and leave a letter of what happened."""

from typing import cast

from temporalio import workflow

from towpath.contracts.core.delivery import OPERATIONS_TEAM
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.run import DeadLetter
from towpath.engine.language.definition import Queue
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import OutcomeCheck, Step
from towpath.engine.run.actions import Action, Completed, FallBack, UndoStep
from towpath.engine.run.evaluation import StepError
from towpath.engine.scheduling.leaving import of_place, undo_ends
from towpath.engine.scheduling.progress import Progress
from towpath.engine.scheduling.undoing import NO_ANSWER, NO_UNDO, asks_check
from towpath.policy.core.messages import failure_notice
from workflows.declared.performing import call_apart
from workflows.declared.repeating import Repeating
from workflows.declared.run import DeclaredRun, StepJob
from workflows.declared.steering import Steering
from workflows.kit.calling import CallFailedError
from workflows.kit.notices import team_notice
from workflows.kit.options import UNDO


class Unwinding:
    """Of one run. `done` are the steps that were undone, in that order."""

    def __init__(self, run: DeclaredRun, progress: Progress, steering: Steering, repeating: Repeating) -> None:
        self._run = run
        self._progress = progress
        self._steering = steering
        self._repeating = repeating
        self.done: list[str] = []
        self._inside: list[str] = []
        """Steps of items whose effects stay: their groups are among the steps that were not undone."""

    @property
    def not_undone(self) -> list[str]:
        return [*self._progress.not_undone, *self._inside]

    async def undo(self, action: UndoStep) -> list[Action]:
        """Ask whether it happened where nobody knows, and undo it; what is to be done after it."""
        node, config = self._run.plan.node(action.step), action.config
        step = cast("Step", node.step)
        if node.inner is not None:
            return await self._undo_group(node, action.place)
        name = f"{action.place}/undo/{workflow.info().run_id}"
        try:
            if step.check is not None and asks_check(step, unknown=action.unknown):
                found = await self._looked(action, step.check, name)
                if found is None:
                    return self._progress.undone(action.place, workflow.now(), note="nothing to undo")
                if found.output is not None and step.compensate is not None:
                    place = f"{node.id}.compensate"
                    config = self._run.evaluation.part(step.compensate, place, output=found.output)
            if step.compensate is None or config is None:
                why = NO_UNDO if step.compensate is None else NO_ANSWER
                return self._progress.left(action.place, workflow.now(), why)
            await call_apart(self._run, node, step.compensate, config, name, UNDO)
        except (CallFailedError, StepError) as error:
            return self._progress.undone(action.place, workflow.now(), error.failure)
        self.done.append(action.place)
        return self._progress.undone(action.place, workflow.now())

    async def _undo_group(self, node: PlanNode, place: str) -> list[Action]:
        """What the items of a group did is undone by runs of their own."""
        found = await self._repeating.undo(node, place, of_place(self._run.left, place))
        found.in_doubt = self._run.doubts.is_open(place)
        self.done.extend(found.done)
        self._inside.extend(found.left)
        return undo_ends(self._progress, node, place, found, workflow.now())

    async def _looked(self, action: UndoStep, check: OutcomeCheck, name: str) -> Completed | None:
        """What the check found, None when it did not happen. A check that cannot tell changes nothing: without an
        output, since the effect may have happened.
        """
        job = StepJob(self._run, self._run.plan.node(action.step), {}, visit=action.visit)
        try:
            found = await self._steering.happened(job, check, f"{name}/check")
        except StepError:
            return Completed()
        return None if found is None else Completed(found)

    async def fall_back(self, action: FallBack) -> None:
        """One entry of the fallback chain; a notice that cannot be delivered does not hold the others up."""
        definition = self._run.plan.definition
        entry = definition.fallback[action.index]
        if isinstance(entry, Queue):
            self._run.queued = entry.queue
            return
        info = workflow.info()
        name = f"fallback/{action.index + 1}"
        _, text = failure_notice(info.workflow_id, self.letter())
        notice = team_notice(
            entry.target or OPERATIONS_TEAM,
            f"{definition.header.id} failed",
            f"{action.message}\n{text}",
            self._run.key(f"{name}/{info.run_id}"),
        )
        failure = await self._run.effects.tell_team(notice, name, f"Tell {entry.target}")
        if failure is not None:
            workflow.logger.warning("fallback not delivered: %s", failure.code)

    def letter(self) -> DeadLetter:
        """What failed and what was undone, for the queue of the run or for nobody in particular."""
        stopping = self._progress.stopping
        _, step, failure = stopping if stopping is not None else ("failed", "", None)
        return DeadLetter(
            queue=self._run.queued or self._queue(),
            step=step,
            failure=failure or Failure(code=FailureCode.UNEXPECTED, message="no step failed"),
            at=workflow.now(),
            undone=tuple(self.done),
            not_undone=tuple(self.not_undone),
            cost=self._run.steps.cost,
        )

    def _queue(self) -> str:
        chain = self._run.plan.definition.fallback
        return next((entry.queue for entry in chain if isinstance(entry, Queue)), "")
