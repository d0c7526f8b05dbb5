"""A step that is done again for errors that it catches, with waits in between that outlive the worker."""

from collections.abc import Callable

from temporalio import workflow

from towpath.engine.language.plan import PlanNode
from towpath.engine.run.actions import Outcome, Start
from towpath.engine.run.again import DoneAgain
from workflows.declared.steering import Steering


async def perform_again(steering: Steering, node: PlanNode, start: Start, is_ending: Callable[[], bool]) -> Outcome:
    """The outcome of the last time. In a run that is ending, nothing is done again."""
    again = DoneAgain(node)
    outcome = await steering.perform(node, start)
    while not is_ending():
        wait = again.wait_after(outcome, steering.run.evaluation)
        if wait is None:
            break
        await workflow.sleep(wait, summary=f"{start.place}: wait until it is done again")
        outcome = await steering.perform(node, start)
    return again.counted(outcome)
