"""Published definitions: each id has one durable record of its versions."""

from datetime import datetime

from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire

DEFINITION = "definition"
"""Temporal type, and id prefix, of the record of one definition."""
LAUNCHER = "declared-launcher"
"""Temporal type of the runs that a schedule starts for triggers with for_each."""
RATE_WATCH = "declared-rate-watch"
"""Temporal type of the runs that look at the success rate of a definition."""


class Version(Wire):
    """One published version. `source` is its text; both are None when it is so old that only its digest is kept."""

    version: str
    digest: str
    published_at: datetime
    by: str
    note: str = ""
    risk: str = ""
    changes: tuple[str, ...] = ()
    document: JsonObject | None = None
    source: str | None = None

    def without_text(self) -> "Version":
        return self.model_copy(update={"document": None, "source": None})


class Publication(Wire):
    """What is published: the checked document, and its text as people wrote it."""

    document: JsonObject
    source: str
    digest: str
    by: str
    note: str = ""
    listed: bool = False
    """Whether lists are to show which events start the definition. In what earlier versions sent, they are not."""


class Publishing(Wire):
    """Answer to a publication. `new` is False when exactly this was published before."""

    version: Version
    new: bool


class DefinitionRecord(Wire):
    """State of the record of one definition, newest version last."""

    id: str
    versions: tuple[Version, ...] = ()

    @property
    def latest(self) -> Version | None:
        return self.versions[-1] if self.versions else None


class Launch(Wire):
    """Input of the workflow `declared-launcher`: which trigger of which definition fires."""

    definition: str
    trigger: int
    secrets: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()


class Launched(Wire):
    """The runs that a firing started, by item."""

    started: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class TriggerPreview(Wire):
    """When a schedule trigger fires, each as a line: local time with its offset, UTC, and where clocks were set."""

    schedule: str
    cron: str
    timezone: str
    firings: tuple[str, ...]


class RateAlert(Wire):
    """A condition on `success_rate`, and the channel or team that is told."""

    condition: str
    channel: str


class RateWatch(Wire):
    """Input of the workflow `declared-rate-watch`: runs that ended in the last hours are counted."""

    definition: str
    alerts: tuple[RateAlert, ...]
    hours: int = 24


class RateQuestion(Wire):
    definition: str
    hours: int
    now: datetime


class RateCounts(ActivityResult):
    """Runs of a definition that ended, and those of them that were completed; cancelled ones count for neither."""

    ended: int = 0
    completed: int = 0


class RateState(Wire):
    """What one look found. `firing` are the numbers of the alerts that hold."""

    firing: tuple[int, ...] = ()
    counts: RateCounts = RateCounts()
