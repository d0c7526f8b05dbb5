"""Schedules of pipelines: what their files say, and what a firing led to."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from towpath.contracts.core.wire import Wire

SCHEDULED = "etl-scheduled"
"""The workflow that a schedule starts."""


class PipelineSchedule(Wire):
    """A firing while a run of the schedule goes on is left out, or waits for its end. One that the server missed is
    made up for when it is not older than `catchup`.
    """

    cron: str = Field(description="minute, hour, day of the month, month, day of the week")
    timezone: str = Field(default="UTC", description="in which the hours are meant, by its IANA name")
    overlap: Literal["skip", "buffer-one"] = Field(default="skip", description="what a firing does while a run goes on")
    catchup: timedelta = Field(default=timedelta(hours=1), description="how late a missed firing may still start a run")


class ScheduledRun(Wire):
    """What a firing led to. Without an outcome, a run was under way already, and nothing was started."""

    workflow_id: str
    outcome: str | None = None
