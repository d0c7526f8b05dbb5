"""The one sandboxed runner that workers and replay tests share. Never imported by a workflow."""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info, SandboxImportNotificationPolicy

PASSED_THROUGH = (
    "towpath.contracts",
    "towpath.engine",
    "towpath.functions",
    "towpath.policy",
    "activities",
    "workflows.asking",
    "workflows.calling",
    "workflows.compensation",
    "workflows.declared_record",
    "workflows.declared_run",
    "workflows.doubts",
    "workflows.driver",
    "workflows.human",
    "workflows.incident_approval",
    "workflows.incident_closing",
    "workflows.incident_course",
    "workflows.incident_execution",
    "workflows.incident_intake",
    "workflows.incident_investigation",
    "workflows.incident_paging",
    "workflows.incident_planning",
    "workflows.incident_state",
    "workflows.incident_watching",
    "workflows.launching",
    "workflows.notices",
    "workflows.onboarding_steps",
    "workflows.operations",
    "workflows.options",
    "workflows.parts",
    "workflows.performing",
    "workflows.performing_channels",
    "workflows.performing_claude",
    "workflows.pipeline_closing",
    "workflows.pipeline_extraction",
    "workflows.pipeline_loading",
    "workflows.pipeline_quality",
    "workflows.pipeline_review",
    "workflows.pipeline_specification",
    "workflows.pipeline_state",
    "workflows.pipeline_transformation",
    "workflows.pipeline_windows",
    "workflows.publications",
    "workflows.publishing_board",
    "workflows.publishing_desk",
    "workflows.publishing_jobs",
    "workflows.publishing_posting",
    "workflows.publishing_quality",
    "workflows.publishing_schedule",
    "workflows.publishing_steps",
    "workflows.repeating",
    "workflows.review",
    "workflows.slots",
    "workflows.steering",
    "workflows.steps",
    "workflows.waiting",
)
"""Loaded once, not again for each run. They are outside the sandbox's guard, so the lint rules of the workflow room
hold for them too. The modules that define workflows are never in this list."""


NO_STORE = StorageDriverStoreContext()


class _ContextFreeInstance(WorkflowInstance):
    """A sandboxed instance that is not asked, for each payload, for contexts that nothing here uses."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:
        return NO_STORE

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


class ContextFreeRunner(SandboxedWorkflowRunner):
    """The SDK's sandboxed runner. Our data converter depends on no context and stores nothing outside: asking the
    sandbox for both took a fifth of a worker's Python time.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _ContextFreeInstance(super().create_instance(det))


def runner(
    policy: SandboxImportNotificationPolicy = SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT,
) -> SandboxedWorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return ContextFreeRunner(restrictions=restrictions.with_import_notification_policy(policy))
