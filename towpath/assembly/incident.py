"""What incident response is connected to, made from the worker's settings. What has no address says so when asked."""

from typing import NoReturn

import httpx
from temporalio.client import Client

from activities.incident import Logs, Metrics
from towpath.assembly.clients import plain
from towpath.assembly.files import Knowledge
from towpath.config.settings import WorkerSettings
from towpath.config.stores import access_of
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.incident.investigation import LogFindings, MetricFindings, TimeWindow
from towpath.contracts.incident.remediation import FetchMetrics, MetricValues, ReadMetrics
from towpath.control.remediation import RemediationControl
from towpath.integrations.channels.pagerduty import PagerDuty
from towpath.integrations.http.services import ServiceClient
from towpath.integrations.observe.incident_archive import IncidentArchive, IncidentMemory
from towpath.integrations.observe.logs import LogStore, Loki, SqlLogs
from towpath.integrations.observe.observing import DeploymentRecord, LogReader, MetricReader
from towpath.integrations.observe.prometheus import Prometheus
from towpath.integrations.storage.artefacts import ArtefactStore


class NoLogs:
    """Stands where no log store is set."""

    async def fetch(self, window: TimeWindow) -> LogFindings:
        del window
        _missing("TOWPATH_LOKI_URL or TOWPATH_LOGS_SQL_URL")


class NoMetrics:
    """Stands where no metrics server is set."""

    async def over(self, request: FetchMetrics) -> MetricFindings:
        del request
        _missing("TOWPATH_PROMETHEUS_URL")

    async def now(self, request: ReadMetrics) -> MetricValues:
        del request
        _missing("TOWPATH_PROMETHEUS_URL")


def incident_connections(
    client: Client,
    settings: WorkerSettings,
    http: httpx.AsyncClient,
    services: ServiceClient,
    knowledge: Knowledge,
) -> dict[str, object]:
    """By name, as activities ask for them. Raises ArtefactStoreError for an artefact store that cannot be used."""
    place, access = settings.artefact_store, access_of(settings)
    artefacts = ArtefactStore(place, access)
    memory = IncidentMemory(IncidentArchive(place, access), artefacts, knowledge.runbooks)
    keys = plain(settings.pagerduty_keys) or ""
    pager = PagerDuty(http, settings.pagerduty_url, tuple(key.strip() for key in keys.split(",") if key.strip()))
    return {
        "sight": (_logs(settings, http, artefacts), _metrics(settings, http, artefacts), DeploymentRecord(services)),
        "memory": memory,
        "pager": pager,
        "control": RemediationControl(client),
        "catalogue": lambda: knowledge.catalogue,
    }


def _logs(settings: WorkerSettings, http: httpx.AsyncClient, artefacts: ArtefactStore) -> Logs:
    store: LogStore
    if settings.loki_url is not None:
        store = Loki(http, settings.loki_url, plain(settings.loki_token), settings.loki_label)
    elif settings.logs_sql_url is not None:
        store = SqlLogs(settings.logs_sql_url.get_secret_value(), settings.logs_sql_query)
    else:
        return NoLogs()
    return LogReader(store, artefacts)


def _metrics(settings: WorkerSettings, http: httpx.AsyncClient, artefacts: ArtefactStore) -> Metrics:
    if settings.prometheus_url is None:
        return NoMetrics()
    return MetricReader(Prometheus(http, settings.prometheus_url, plain(settings.prometheus_token)), artefacts)


def _missing(setting: str) -> NoReturn:
    message = f"this worker has no address for it: set {setting}"
    raise ServiceError(FailureCode.SERVICE_BAD_REQUEST, message, evidence={"setting": setting})
