"""What the sandbox loads for each run: the modules that define workflows, and nothing by accident."""

import re
import warnings
from collections.abc import Sequence

import pytest
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

import worker
from workflows.onboarding import CustomerOnboardingWorkflow
from workflows.sandbox import PASSED_THROUGH, ContextFreeRunner, runner


def test_the_sandbox_stays_on() -> None:
    """Workers and replays use the sandboxed runner, and no module that defines a workflow passes through it."""
    assert isinstance(runner(), SandboxedWorkflowRunner)
    assert CustomerOnboardingWorkflow.__module__ not in PASSED_THROUGH
    assert "workflows" not in PASSED_THROUGH
    assert not runner().restrictions.passthrough_all_modules


async def loaded_again(passed_through: Sequence[str]) -> set[str]:
    """Modules that preparing each workflow in the sandbox loads again, beside those that define workflows."""
    policy = SandboxImportNotificationPolicy.WARN_ON_UNINTENTIONAL_PASSTHROUGH
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*passed_through)
    strict = ContextFreeRunner(restrictions=restrictions.with_import_notification_policy(policy))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for workflow in worker.WORKFLOWS:
            strict.prepare_workflow(vars(workflow)["__temporal_workflow_definition"])
    found = (re.match(r"Module (\S+) was not intentionally passed through", str(one.message)) for one in caught)
    return {match[1] for match in found if match}


async def test_only_workflow_modules_are_loaded_again() -> None:
    """Loading each workflow of the worker in the sandbox imports no module but those of the workflow room."""
    assert {name for name in await loaded_again(PASSED_THROUGH) if not name.startswith("workflows.")} == set()


async def test_a_module_left_out_is_noticed() -> None:
    """The check above sees a room that is not in the list."""
    assert "towpath.policy.risk" in await loaded_again([name for name in PASSED_THROUGH if name != "towpath.policy"])


@pytest.mark.parametrize("module", PASSED_THROUGH)
def test_passed_through_modules_exist(module: str) -> None:
    """The list names real modules: a wrong name would be loaded for each run without a word."""
    assert __import__(module)
