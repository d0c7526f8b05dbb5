"""Every stored history replays on the workflow code of today."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.replay.fingerprint import STORED, fingerprint
from tests.replay.mutant import MutantOnboardingWorkflow
from towpath.clients.temporal import converter
from workflows.onboarding import CustomerOnboardingWorkflow
from workflows.sandbox import runner

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))
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


def replayer(workflow: type) -> Replayer:
    return Replayer(workflows=[workflow], workflow_runner=runner(), data_converter=converter(None))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_history_replays(path: Path) -> None:
    """A run recorded on older code goes the same way on today's."""
    result = await replayer(CustomerOnboardingWorkflow).replay_workflow(read(path), raise_on_replay_failure=False)

    assert result.replay_failure is None, f"{path.name}: {result.replay_failure}"


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_changed_order_is_caught(path: Path) -> None:
    """The same histories fail on a workflow that does things in another order without a patch."""
    result = await replayer(MutantOnboardingWorkflow).replay_workflow(read(path), raise_on_replay_failure=False)

    assert result.replay_failure is not None


def test_there_are_histories_from_before_and_after_the_patch() -> None:
    """The first versioned change has a history on each side of it."""
    names = {path.stem for path in HISTORIES}

    assert {"reviewed-v1", "reviewed-v2"} <= names


def test_commands_have_not_changed_unnoticed() -> None:
    """The command fingerprint is the committed one."""
    assert fingerprint() == json.loads(STORED.read_text(encoding="utf-8")), TEACHING
