"""Every stored history replays on the workflow code of today."""

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import worker
from tests.replay.fingerprint import STORED, fingerprint
from tests.replay.mutant import (
    MutantDeclaredWorkflow,
    MutantIncidentWorkflow,
    MutantItemsWorkflow,
    MutantOnboardingWorkflow,
    MutantPublishingWorkflow,
)
from towpath.contracts.declared.run import DECLARED
from towpath.control.temporal import converter
from towpath.engine.language.steps import CONFIGS
from workflows.sandbox import runner

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))
WORKFLOWS = list(chain.from_iterable(worker.WORKFLOWS.values()))
MUTANTS = [
    MutantOnboardingWorkflow,
    MutantDeclaredWorkflow,
    MutantItemsWorkflow,
    MutantPublishingWorkflow,
    MutantIncidentWorkflow,
]
STEP_TYPES = set(CONFIGS)
TEACHING = """
The calls that emit commands have changed. Runs that are under way replay their history on this code:
  1. put the change behind `workflow.patched("<change>-YYYY-MM")`, the old behaviour in the other branch;
  2. record a history from after the change (`starter.py export-history`) beside the others; never replace one;
  3. run `python -m tests.replay.fingerprint --write` and commit the result.
A pure move of code needs step 3 only, once all histories still replay.
"""


def read(path: Path) -> WorkflowHistory:
    document = json.loads(path.read_text(encoding="utf-8"))
    return WorkflowHistory.from_json(document["workflow_id"], document["history"])


def replayer(workflows: Sequence[type]) -> Replayer:
    return Replayer(workflows=workflows, workflow_runner=runner(), data_converter=converter(None))


def kind(path: Path) -> str:
    """The workflow type of a history."""
    started = read(path).events[0].workflow_execution_started_event_attributes
    return started.workflow_type.name


def _definition(path: Path) -> str:
    """The definition that a run was started with, as compact JSON."""
    payload = read(path).events[0].workflow_execution_started_event_attributes.input.payloads[0]
    return json.dumps(json.loads(payload.data)["definition"], separators=(",", ":"))


def mutated() -> list[Path]:
    """Histories of the types that have a mutant."""
    names = {vars(mutant)["__temporal_workflow_definition"].name for mutant in MUTANTS}
    return [path for path in HISTORIES if kind(path) in names]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_history_replays(path: Path) -> None:
    """A run recorded on older code goes the same way on today's."""
    result = await replayer(WORKFLOWS).replay_workflow(read(path), raise_on_replay_failure=False)

    assert result.replay_failure is None, f"{path.name}: {result.replay_failure}"


@pytest.mark.parametrize("path", mutated(), ids=lambda path: path.stem)
async def test_changed_order_is_caught(path: Path) -> None:
    """The same histories fail on a workflow that does things in another order without a patch."""
    result = await replayer(MUTANTS).replay_workflow(read(path), raise_on_replay_failure=False)

    assert result.replay_failure is not None


def test_there_are_histories_from_before_and_after_the_patch() -> None:
    """The first versioned change has a history on each side of it."""
    names = {path.stem for path in HISTORIES}

    assert {"reviewed-v1", "reviewed-v2"} <= names


def test_every_workflow_and_step_type_has_a_history() -> None:
    """No workflow and no type of step is without a recorded run."""
    names = {vars(workflow)["__temporal_workflow_definition"].name for workflow in WORKFLOWS}
    inputs = [_definition(path) for path in HISTORIES if kind(path) == DECLARED]

    assert {kind(path) for path in HISTORIES} == names
    assert STEP_TYPES - {found for text in inputs for found in STEP_TYPES if f'"type":"{found}"' in text} == set()


def test_commands_have_not_changed_unnoticed() -> None:
    """The command fingerprint is the committed one."""
    assert fingerprint() == json.loads(STORED.read_text(encoding="utf-8")), TEACHING
