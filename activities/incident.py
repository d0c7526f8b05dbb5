"""Activities of incident response: what they find out, whom they call, and what guards an action."""

from typing import TYPE_CHECKING, Protocol

from temporalio import activity

from towpath.contracts.incident.incident import Archived, ArchiveIncident, PageChange, Paged, PageRequest
from towpath.contracts.incident.investigation import (
    Deployments,
    FindRunbooks,
    FindSimilar,
    LogFindings,
    MetricFindings,
    Runbooks,
    SimilarIncidents,
    TimeWindow,
)
from towpath.contracts.incident.remediation import (
    ActionCatalogue,
    ActionReservation,
    FetchMetrics,
    LoadCatalogue,
    MetricValues,
    ReadMetrics,
    ReadSwitch,
    ReserveAction,
    SettleAction,
    SwitchState,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Logs(Protocol):
    """A log store: Loki, or a table of a SQL database."""

    async def fetch(self, window: TimeWindow) -> LogFindings:
        """Lines of the window, their patterns, and all of them kept as an artefact. Raises HouseError."""
        ...


class Metrics(Protocol):
    """A metrics server: Prometheus, or what speaks its HTTP API."""

    async def over(self, request: FetchMetrics) -> MetricFindings:
        """Each metric's course over the window. One without data is named in `missing`. Raises HouseError."""
        ...

    async def now(self, request: ReadMetrics) -> MetricValues:
        """Each metric's present value. One without data is left out. Raises HouseError."""
        ...


class Changes(Protocol):
    """The record of deployments."""

    async def deployments(self, window: TimeWindow) -> Deployments:
        """Deployments of the service in the window, the latest first. Raises HouseError."""
        ...


class Memory(Protocol):
    """Past incidents and runbooks."""

    async def similar(self, request: FindSimilar) -> SimilarIncidents: ...

    async def runbooks(self, request: FindRunbooks) -> Runbooks: ...

    async def archive(self, request: ArchiveIncident) -> Archived:
        """Keep a record and its post-mortem, once for a key. Raises HouseError."""
        ...


class Pager(Protocol):
    """The on-call service. `key` is the page's dedup_key: paging again with it adds to the page that is open."""

    async def page(self, request: PageRequest) -> Paged:
        """Raises HouseError."""
        ...

    async def change(self, request: PageChange) -> Paged:
        """Raises HouseError. A page that is resolved already stays so."""
        ...


class Control(Protocol):
    """The kill switch, the limits an hour and the targets of all remediation, over all runs."""

    async def known(self) -> SwitchState:
        """Raises HouseError."""
        ...

    async def reserve(self, request: ReserveAction) -> ActionReservation:
        """Raises HouseError."""
        ...

    async def settle(self, request: SettleAction) -> ActionReservation:
        """Raises HouseError."""
        ...


class IncidentActivities:
    """Typed doors to the clients, whose errors pass: the activity edge converts them."""

    def __init__(
        self,
        sight: tuple[Logs, Metrics, Changes],
        memory: Memory,
        pager: Pager,
        control: Control,
        catalogue: "Callable[[], ActionCatalogue]",
    ) -> None:
        self._logs, self._metrics, self._changes = sight
        self._memory = memory
        self._pager = pager
        self._control = control
        self._catalogue = catalogue

    @activity.defn(name="load_catalogue")
    async def load_catalogue(self, request: LoadCatalogue) -> ActionCatalogue:
        """Actions, metrics and inventory as this worker checked them at its start."""
        del request
        return self._catalogue()

    @activity.defn(name="fetch_logs")
    async def fetch_logs(self, request: TimeWindow) -> LogFindings:
        return await self._logs.fetch(request)

    @activity.defn(name="fetch_metrics")
    async def fetch_metrics(self, request: FetchMetrics) -> MetricFindings:
        return await self._metrics.over(request)

    @activity.defn(name="read_metrics")
    async def read_metrics(self, request: ReadMetrics) -> MetricValues:
        return await self._metrics.now(request)

    @activity.defn(name="list_deployments")
    async def list_deployments(self, request: TimeWindow) -> Deployments:
        return await self._changes.deployments(request)

    @activity.defn(name="find_similar")
    async def find_similar(self, request: FindSimilar) -> SimilarIncidents:
        return await self._memory.similar(request)

    @activity.defn(name="find_runbooks")
    async def find_runbooks(self, request: FindRunbooks) -> Runbooks:
        return await self._memory.runbooks(request)

    @activity.defn(name="page")
    async def page(self, request: PageRequest) -> Paged:
        return await self._pager.page(request)

    @activity.defn(name="change_page")
    async def change_page(self, request: PageChange) -> Paged:
        return await self._pager.change(request)

    @activity.defn(name="read_switch")
    async def read_switch(self, request: ReadSwitch) -> SwitchState:
        del request
        return await self._control.known()

    @activity.defn(name="reserve_action")
    async def reserve_action(self, request: ReserveAction) -> ActionReservation:
        return await self._control.reserve(request)

    @activity.defn(name="settle_action")
    async def settle_action(self, request: SettleAction) -> ActionReservation:
        return await self._control.settle(request)

    @activity.defn(name="archive_incident")
    async def archive_incident(self, request: ArchiveIncident) -> Archived:
        return await self._memory.archive(request)
