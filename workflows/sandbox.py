"""The one sandboxed runner that workers and replay tests share. Never imported by a workflow."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

PASSED_THROUGH = ("towpath.contracts", "towpath.policy", "activities")
"""Loaded once, not again for each run: 139 ms CPU a run became 15. They are outside the sandbox's guard, so the lint
rules of the workflow room hold for them too. `workflows` itself is never in this list."""


def runner(
    policy: SandboxImportNotificationPolicy = SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT,
) -> SandboxedWorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions.with_import_notification_policy(policy))
