"""What the sandbox loads for each run: the modules that define workflows, and nothing by accident."""

import warnings
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import SandboxImportNotificationPolicy

from tests.fakes.house import FakeHouse
from towpath.clients.temporal import converter
from towpath.contracts.process import SEARCH_ATTRIBUTES
from towpath.local.server import find_executable
from workflows.onboarding import CustomerOnboardingWorkflow
from workflows.sandbox import PASSED_THROUGH, runner


def test_the_sandbox_stays_on() -> None:
    """Workers and replays use the sandboxed runner, and no module that defines a workflow passes through it."""
    assert isinstance(runner(), SandboxedWorkflowRunner)
    assert CustomerOnboardingWorkflow.__module__ not in PASSED_THROUGH
    assert "workflows" not in PASSED_THROUGH
    assert not runner().restrictions.passthrough_all_modules


async def test_only_workflow_modules_are_loaded_again() -> None:
    """Loading the workflow in the sandbox imports no module of ours but those of the workflow room."""
    policy = SandboxImportNotificationPolicy.WARN_ON_UNINTENTIONAL_PASSTHROUGH
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(find_executable()),
            search_attributes=SEARCH_ATTRIBUTES,
            data_converter=converter(None),
        ) as env:
            Worker(
                env.client,
                task_queue=uuid4().hex,
                workflows=[CustomerOnboardingWorkflow],
                activities=FakeHouse().activities(),
                workflow_runner=runner(policy),
                build_id="test",
            )
    named = [str(warning.message) for warning in caught if "passthrough" in str(warning.message).lower()]
    foreign = [text for text in named if "workflows" not in text and "towpath" in text]

    assert foreign == []


@pytest.mark.parametrize("module", PASSED_THROUGH)
def test_passed_through_modules_exist(module: str) -> None:
    """The list names real modules: a wrong name would be loaded for each run without a word."""
    assert __import__(module)
