"""The one sandboxed runner that workers and replay tests share. Never imported by a workflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info, SandboxImportNotificationPolicy

import workflows
from towpath.temporal.arrivals import PayloadArrivals
from towpath.temporal.passing import without_workflows
from towpath.temporal.places import EncryptionRule, Told, untold
from towpath.temporal.signing import refusing

ROOMS = ("towpath.contracts", "towpath.engine", "towpath.functions", "towpath.policy", "towpath.temporal", "activities")
PASSED_THROUGH = (*ROOMS, *without_workflows(workflows))
"""Loaded once, not again for each run. They are outside the sandbox's guard, so the lint rules of the workflow room
hold for them too. The modules that define workflows are never among them."""

NO_STORE = StorageDriverStoreContext()


class TaskListener(Protocol):
    """Told of each workflow task, in the thread that does it."""

    def begin(self, name: str) -> None: ...

    def end(self) -> None: ...


class _WatchedInstance(WorkflowInstance):
    """A sandboxed instance whose tasks are told, and whose payloads are compared with their places, if they have any.

    It is not asked, for each payload, for contexts: `PayloadArrivals` knows the places; without keys nothing uses them.
    Asking the sandbox took a fifth of a worker's Python time.
    """

    def __init__(
        self, instance: WorkflowInstance, name: str, clock: TaskListener | None, arrivals: PayloadArrivals | None
    ) -> None:
        self._instance = instance
        self._name = name
        self._clock = clock
        self._arrivals = arrivals
        self._context = None if arrivals is None else arrivals.context

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if self._clock is None:
            return self._activate(act)
        self._clock.begin(self._name)
        try:
            return self._activate(act)
        finally:
            self._clock.end()

    def _activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if self._arrivals is None:
            return self._instance.activate(act)
        return self._arrivals.activate(act, self._instance.activate)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return self._context if command_info is None else None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return NO_STORE

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


@dataclass(frozen=True)
class WatchedRunner(SandboxedWorkflowRunner):
    """The SDK's sandboxed runner, with what we ask of each run."""

    keys: Sequence[bytes] = field(default=(), repr=False)
    """What people send to runs is signed by one of them; with none, unsigned."""
    clock: TaskListener | None = None
    encryption: EncryptionRule | None = None
    """Which payloads must be encrypted; None when there are no keys."""
    refusals: Told = untold

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        given = cast("Mapping[str, Callable[..., Any]]", det.extern_functions)
        functions: dict[str, Callable[..., Any]] = {**given, **refusing(self.keys)}
        name = f"{det.info.workflow_type} {det.info.workflow_id} {det.info.run_id}"
        instance = super().create_instance(replace(det, extern_functions=functions))
        arrivals = None if self.encryption is None else PayloadArrivals(det.info, self.encryption, self.refusals)
        return _WatchedInstance(instance, name, self.clock, arrivals)


def runner(
    policy: SandboxImportNotificationPolicy = SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT,
    keys: Sequence[bytes] = (),
    clock: TaskListener | None = None,
    encryption: EncryptionRule | None = None,
    refusals: Told = untold,
) -> SandboxedWorkflowRunner:
    """With `keys`, what people send to runs must be signed by one of them; `clock` hears of each workflow task.

    `encryption` goes with a converter that has a codec: payloads are compared with their places, and `refusals` hears
    of each that does not fit.
    """
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return WatchedRunner(
        keys=keys,
        clock=clock,
        encryption=encryption,
        refusals=refusals,
        restrictions=restrictions.with_import_notification_policy(policy),
    )
