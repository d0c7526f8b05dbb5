"""The registry of processes: whatever lists, starts, finishes or shows any process reads it."""

from collections.abc import Mapping

from towpath.contracts.core.wire import Wire
from towpath.contracts.declared.run import DECLARED, DeclaredResult
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.pipeline.process import PIPELINE
from towpath.contracts.publishing.process import PUBLISHING

PROCESSES = {process.name: process for process in (ONBOARDING, PUBLISHING, INCIDENT, PIPELINE)}

RESULTS: Mapping[str, type[Wire]] = {
    **{process.name: process.result for process in PROCESSES.values()},
    DECLARED: DeclaredResult,
}
"""What a run answers when it has ended, by its Temporal type."""
