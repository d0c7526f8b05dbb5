"""The report of a run: one HTML page with its plots, and the same facts as JSON."""

from towpath.contracts.pipeline.dataset import Profile
from towpath.contracts.pipeline.stages import ReportRendered, ReportTask
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.report.facts import facts_of
from towpath.dataplane.report.page import page
from towpath.dataplane.specification.profile import profile_of
from towpath.dataplane.specification.running import engine

MOST_ROWS = 50_000
"""Looked at in the profile of a report, which every run pays for."""
MOST_KEYS = 100_000
"""Rows whose keys are counted for the report. Of more, the rules of the quality tell."""


def write_report(task: ReportTask, work: Workspace) -> ReportRendered:
    """Raises StoreError and EngineError."""
    facts = facts_of(task, _profile(task, work), work)
    return ReportRendered(page=page(task.config, facts), document=facts.model_dump_json(indent=2))


def _profile(task: ReportTask, work: Workspace) -> Profile | None:
    """Of the target's columns; sizes are those of the dataset that was loaded."""
    if task.dataset is None or not task.dataset.parts:
        return None
    key = task.config.target.key if task.dataset.rows <= MOST_KEYS else ()
    with engine(work) as connection:
        return profile_of(connection, work, task.dataset, key, most=MOST_ROWS)
