"""What the sandbox loads for each run: the modules that define workflows, and nothing by accident."""

import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

import pytest
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

import worker
import workflows
from towpath.temporal.passing import without_workflows
from workflows.sandbox import PASSED_THROUGH, WatchedRunner, runner

MODULES = [found.name for found in walk_packages(workflows.__path__, "workflows.") if not found.ispkg]
WORKFLOWS = list(chain.from_iterable(worker.WORKFLOWS.values()))


def test_the_sandbox_stays_on() -> None:
    """Workers and replays use the sandboxed runner, and no module that defines a workflow passes through it."""
    assert isinstance(runner(), SandboxedWorkflowRunner)
    assert {workflow.__module__ for workflow in WORKFLOWS}.isdisjoint(PASSED_THROUGH)
    assert "workflows" not in PASSED_THROUGH
    assert not runner().restrictions.passthrough_all_modules


async def loaded_again(passed_through: Sequence[str]) -> set[str]:
    """Modules that preparing each workflow in the sandbox loads again, beside those that define workflows."""
    policy = SandboxImportNotificationPolicy.WARN_ON_UNINTENTIONAL_PASSTHROUGH
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*passed_through)
    strict = WatchedRunner(restrictions=restrictions.with_import_notification_policy(policy))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for workflow in WORKFLOWS:
            strict.prepare_workflow(vars(workflow)["__temporal_workflow_definition"])
    found = (re.match(r"Module (\S+) was not intentionally passed through", str(one.message)) for one in caught)
    return {match[1] for match in found if match}


async def test_nothing_else_is_loaded_again() -> None:
    """Loading a workflow of the worker in the sandbox imports no module beside the one that defines it."""
    assert await loaded_again(PASSED_THROUGH) == set()


async def test_a_module_left_out_is_noticed() -> None:
    """The check above sees a room or a module that does not pass."""
    again = await loaded_again(
        [name for name in PASSED_THROUGH if name not in {"towpath.policy", "workflows.kit.process"}]
    )

    assert {"towpath.policy.onboarding.starting", "workflows.kit.process"} <= again


def defines_workflow(module: ModuleType) -> bool:
    """What the SDK says of the classes of a module that is loaded."""
    own = (value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__)
    return any("__temporal_workflow_definition" in vars(value) for value in own if isinstance(value, type))


@pytest.mark.parametrize("name", MODULES)
def test_what_passes_is_derived(name: str) -> None:
    """Each module of the workflow room passes through the sandbox, or defines a workflow."""
    assert (name in PASSED_THROUGH) is not defines_workflow(import_module(name))


@pytest.mark.parametrize(
    ("source", "passes"),
    [
        pytest.param("from temporalio import workflow\n@workflow.defn\nclass A: ...", False, id="plain"),
        pytest.param("from temporalio import workflow as w\n@w.defn(name='a')\nclass A: ...", False, id="called"),
        pytest.param("from temporalio.workflow import defn as process\n@process\nclass A: ...", False, id="alias"),
        pytest.param("from temporalio import workflow\nclass A:\n    defn = 'defn'", True, id="no-workflow"),
    ],
)
def test_a_workflow_is_seen_in_any_spelling(tmp_path: Path, source: str, passes: bool) -> None:
    """Also in a folder of its own: the name of a package never passes, for all below it would."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "__init__.py").touch()
    (tmp_path / "part" / "module.py").write_text(source)
    package = ModuleType("room")
    package.__path__ = [str(tmp_path)]

    assert without_workflows(package) == (("room.part.module",) if passes else ())
