"""A redrive of a run of a definition: with another version, with outputs of steps, and what becomes of each step."""

from temporalio.client import Client

from towpath.cli.declared import request_of
from towpath.cli.redriving.planning import RedriveChange, RedrivePlan
from towpath.cli.terminal import Exit, fail
from towpath.contracts.declared.run import DeclaredFailure
from towpath.control.deadletters import Letter
from towpath.control.definitions import Definitions
from towpath.engine.checks.loading import load_plan
from towpath.engine.run.redriving import kept_outputs, sent_again


async def _planned(temporal: Client, letter: Letter, failure: DeclaredFailure, change: RedriveChange) -> RedrivePlan:
    request = failure.request
    if change.target is not None:
        edited = await request_of(Definitions(temporal), change.target, request.inputs)
        request = request.model_copy(
            update={"definition": edited.definition, "digest": edited.digest, "secrets": edited.secrets}
        )
    before = load_plan(failure.request.digest, failure.request.definition)
    after = load_plan(request.digest, request.definition)
    unknown = [step for step in change.outputs if step not in after.by_id]
    if unknown:
        fail(Exit.WRONG_INPUT, f"--set: there is no step {', '.join(unknown)}")
    kept, again = kept_outputs(before, after, failure.completed)
    seed = {**kept, **change.outputs}
    earlier, sends = failure.sending, dict[str, str]()
    if earlier is not None:
        earlier, sends = sent_again(before, after, earlier, seed)
    edits = {"seed": seed, "earlier": earlier, "redrive_of": letter.run_id}
    return RedrivePlan(sorted(seed), again, sends, request.model_copy(update=edits))


PLANNER = _planned
