"""A redrive of a run of a definition: with another version, with outputs of steps, and what becomes of each step."""

from collections.abc import Mapping

from temporalio.client import Client

from towpath.cli.declared import request_of
from towpath.cli.definition.reading import directory_of_this_place
from towpath.cli.redriving.planning import RedriveChange, RedrivePlan
from towpath.cli.terminal import Exit, fail
from towpath.contracts.declared.run import DeclaredFailure
from towpath.control.deadletters import Letter
from towpath.control.definitions import Definitions
from towpath.engine.checks.loading import load_plan
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import HumanTaskConfig
from towpath.engine.scheduling.approvals import approvals_dropped, asks_people, tasks_of
from towpath.engine.scheduling.redriving import kept_outputs, sent_again
from towpath.engine.scheduling.visits import step_of


async def _planned(temporal: Client, letter: Letter, failure: DeclaredFailure, change: RedriveChange) -> RedrivePlan:
    request = failure.request
    if request.within is not None:
        group = request.within.groups[-1]
        fail(
            Exit.REFUSED, f"It is an item of the group {group}: redrive the run around it, which does its failed items."
        )
    if change.target is not None:
        edited = await request_of(Definitions(temporal), change.target, request.inputs)
        request = request.model_copy(
            update={"definition": edited.definition, "digest": edited.digest, "secrets": edited.secrets}
        )
    before = load_plan(failure.request.digest, failure.request.definition)
    after = load_plan(request.digest, request.definition)
    unknown = [step for step in change.outputs if step_of(step) not in after.by_id]
    if unknown:
        fail(Exit.WRONG_INPUT, f"--set: there is no step {', '.join(unknown)}")
    for step in change.outputs:
        if asks_people(after.node(step_of(step))):
            fail(Exit.WRONG_INPUT, f"--set: {step} is decided by people: leave it out, and they are asked again")
    _check_person(before, approvals_dropped(before, after), change.by)
    kept, again = kept_outputs(before, after, failure.completed, change.outputs)
    seed = {**kept, **change.outputs}
    earlier, sends = failure.sending, dict[str, str]()
    if earlier is not None:
        earlier, sends = sent_again(before, after, earlier, seed)
    items = {step: found for step, found in failure.items.items() if step_of(step) in after.by_id and step not in seed}
    for step, found in items.items():
        left = found.count - len(found.results)
        again[step] = f"{left} of {found.count} items; the others are kept where they are still the same"
    edits = {"seed": seed, "earlier": earlier, "redrive_of": letter.run_id, "items": items}
    return RedrivePlan(sorted(seed), again, sends, request.model_copy(update=edits))


def _check_person(plan: Plan, dropped: list[str], by: str | None) -> None:
    """Another definition asks people no longer, or otherwise: whoever redrives with it must be one of them."""
    for step in dropped:
        deciders = _deciders(plan.node(step))
        if deciders is None or by is None or by not in deciders:
            who = ", ".join(sorted(deciders)) if deciders else "people that are not known here"
            fail(
                Exit.REFUSED,
                f"--with: the definition no longer asks {step} as the run did, and {by or 'nobody'} may not decide it",
                f"Redrive with a definition that asks it, or let one of these do it with --as: {who}.",
            )


def _deciders(node: PlanNode) -> frozenset[str] | None:
    """Who may decide all that a step asks; None when that is not known here."""
    known = directory_of_this_place().deciders()
    found = [_of_task(task, known) for task in tasks_of(node)]
    people = [some for some in found if some is not None]
    if not people or len(people) < len(found):
        return None
    return people[0].intersection(*people[1:])


def _of_task(task: HumanTaskConfig, known: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    if task.assignee not in known or task.quorum > 1 or any("{{" in person for person in task.exclude):
        return None
    return (known[task.assignee] | set(task.candidates)) - set(task.exclude)


PLANNER = _planned
