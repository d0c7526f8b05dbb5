"""Schedules of pipelines: what their files say, and what a firing led to."""

from datetime import timedelta
from typing import Literal

from towpath.contracts.core.wire import Wire

SCHEDULED = "etl-scheduled"
"""The workflow that a schedule starts."""


class PipelineSchedule(Wire):
    """A firing while a run of the schedule goes on is left out, or waits for its end. One that the server missed is
    made up for when it is not older than `catchup`.
    """

    cron: str
    timezone: str = "UTC"
    overlap: Literal["skip", "buffer-one"] = "skip"
    catchup: timedelta = timedelta(hours=1)


class ScheduledRun(Wire):
    """What a firing led to. Without an outcome, a run was under way already, and nothing was started."""

    workflow_id: str
    outcome: str | None = None
