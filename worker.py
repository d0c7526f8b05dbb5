"""The worker: settings, then clients, then activities, then Temporal workers. SIGTERM drains it.

How it ended is its exit code: 0 after it served, 2 for what must be mended first, 3 when told to end before it served.
"""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import structlog
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.runtime import Runtime
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.attempts import ActivityEdge
from activities.batch import BatchActivities, with_batches
from activities.claude import ClaudeActivities
from activities.pipeline import PipelineActivities
from towpath.assembly.clients import Clients, open_clients
from towpath.assembly.connections import connections_of
from towpath.assembly.files import Files, FilesError, Knowledge, load_files
from towpath.assembly.pipeline import dataplane_setup, open_dataplane
from towpath.assembly.quotas import quotas_of
from towpath.assembly.rooms import activities_of, activity_classes, connected, workflows_of
from towpath.config.connections import Connections
from towpath.config.masking import SHORTEST
from towpath.config.production import production_problems
from towpath.config.python import python_problem
from towpath.config.settings import SettingsError, WorkerSettings, load_worker_settings
from towpath.config.stores import access_of
from towpath.contracts.core.process import CLAUDE_QUEUE, DATA_QUEUE
from towpath.contracts.core.wire import JsonObject
from towpath.control.temporal import (
    SearchAttributesError,
    TemporalConfigError,
    address,
    connect,
    ensure_search_attributes,
    run_to_end,
)
from towpath.control.ui import is_loopback
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.integrations.storage.codec import codec_of
from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError
from towpath.observability import configure_logging, runtime
from towpath.pool.dataplane import Dataplane
from towpath.pool.refusals import refusals_to
from towpath.pool.watchdog import EXIT_STUCK, STUCK_SECONDS, TaskClock, watched
from towpath.registry import processes
from towpath.temporal.places import Told, untold
from towpath.temporal.signing import SignedUpdates
from workflows.sandbox import runner

WORKFLOWS = {process.name: workflows_of(process) for process in processes().values()}
"""By the process whose queue they are served on."""
ACTIVITIES = activity_classes()
ELSEWHERE = (BatchActivities, ClaudeActivities, PipelineActivities)
"""Classes that no process's queue serves of themselves: made for each queue, or with a queue of their own."""

QUEUES = (*(process.queue for process in processes().values()), CLAUDE_QUEUE, DATA_QUEUE)
EXIT_SETTINGS = 2
EXIT_NOT_READY = 3
RETRY_CONNECT_SECONDS = 1.0
DEPLOYMENT = "towpath"

EXIT_CODES = (
    "Exit codes: 0 it served and was drained; 2 settings must be mended, a line each on stderr; 3 a signal ended it "
    "before it was ready (while it still loads: the signal's own, 143 for SIGTERM); "
    f"{EXIT_STUCK} a workflow task stood still for {STUCK_SECONDS:.0f} s, and a line on stderr names its run."
)
SHORT_SECRETS = f"shorter than {SHORTEST} characters: masked only where they are the whole value"
ResultT = TypeVar("ResultT")

log = structlog.stdlib.get_logger("worker")


class RefusedError(Exception):
    """The worker cannot start before something is mended; the text has one line for each problem."""


class NotReadyError(Exception):
    """A signal came before the worker was ready."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python worker.py",
        description="Run workflows and activities. Settings come from the environment and .env (see .env.example); "
        "the Temporal connection from TEMPORAL_ADDRESS or a Temporal profile. SIGTERM drains it; a second one ends it "
        "at once.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--check", action="store_true", help="check the settings, say what is wrong, and end")
    options = parser.parse_args()
    try:
        settings = load_worker_settings()
        files, unsigned, older = _checked(settings)
    except (SettingsError, RefusedError) as error:
        _refuse(str(error).splitlines())
    configure_logging(settings)
    if unsigned:
        log.warning("decisions are not signed", problem=unsigned)
    if older:
        log.warning("this Python is too old", problem=older)
    if options.check:
        return
    try:
        store = _open_stores(settings)
        run_to_end(serve(settings, files, store, _metrics(settings)))
    except RefusedError as error:
        _refuse(str(error).splitlines())
    except NotReadyError:
        log.info("worker ended before it was ready")
        raise SystemExit(EXIT_NOT_READY) from None


def _refuse(problems: Sequence[str]) -> NoReturn:
    for problem in problems:
        sys.stderr.write(f"worker.py: {problem}\n")
    raise SystemExit(EXIT_SETTINGS)


def _checked(settings: WorkerSettings) -> tuple[Files, str, str]:
    """The data files, what it means that decisions are not signed, and that this Python is too old.

    Raises RefusedError with all that is wrong.
    """
    problems: list[str] = []
    files, pipelines = None, JsonObject()
    connections: Connections | None = None
    try:
        pipelines = dataplane_setup(settings).connections
    except SettingsError as error:
        problems += str(error).splitlines()
    try:
        files = load_files(settings)
        connections = files.connections
        quotas_of(settings, connections)
    except SettingsError as error:
        problems += str(error).splitlines()
    except FilesError as error:
        problems += str(error).splitlines()
        connections = error.connections
    if settings.profile == "production":
        problems += production_problems(settings, connections, pipelines)
    meant: list[str] = []
    for look in (_unsigned, _older):
        try:
            meant.append(look(settings))
        except (SettingsError, TemporalConfigError) as error:
            problems += [line for line in str(error).splitlines() if line not in problems]
    if problems or files is None:
        raise RefusedError("\n".join(problems))
    unsigned, older = meant
    return files, unsigned, older


def _unsigned(settings: WorkerSettings) -> str:
    """What it means that decisions are not signed; empty when they are. Raises SettingsError where they must be."""
    if settings.decision_keys():
        return ""
    what = "whoever reaches Temporal decides as anybody: set TOWPATH_DECISION_KEY"
    if not settings.unsigned_decisions and not is_loopback(address()):
        raise SettingsError(
            f"TOWPATH_DECISION_KEY: is missing, and Temporal is at {address()}, not on this machine: {what}, or "
            "TOWPATH_UNSIGNED_DECISIONS=true where that is meant"
        )
    return what


def _older(settings: WorkerSettings) -> str:
    """What is wrong with this Python; empty for one with all fixes. Raises SettingsError where it must have them."""
    problem = python_problem(sys.version_info[:3])
    if problem and not settings.older_python and not is_loopback(address()):
        raise SettingsError(f"{problem}, or set TOWPATH_OLDER_PYTHON=true where the fixes are in it all the same")
    return problem


def _open_stores(settings: WorkerSettings) -> PayloadStore:
    """Raises RefusedError. A bucket that does not answer blocks: signals still end the worker at once."""
    # Python's own way with SIGINT waits for a call of a library to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        store = PayloadStore(settings.payload_store, access_of(settings))
        store.check()
        removed = store.clean()
    except PayloadStoreError as error:
        raise RefusedError(f"TOWPATH_PAYLOAD_STORE: {error}") from error
    try:
        artefacts = ArtefactStore(settings.artefact_store, access_of(settings))
        artefacts.check()
        removed += artefacts.clean()
    except ArtefactStoreError as error:
        raise RefusedError(f"TOWPATH_ARTEFACT_STORE: {error}") from error
    if removed:
        log.info("removed what killed writers left in the stores", files=removed)
    return store


def _metrics(settings: WorkerSettings) -> Runtime:
    """Raises RefusedError."""
    try:
        return runtime(settings.metrics_address)
    except ValueError as error:
        raise RefusedError(f"TOWPATH_METRICS_ADDRESS: cannot serve metrics there: {error}") from error


async def serve(settings: WorkerSettings, files: Files, store: PayloadStore, metrics: Runtime) -> None:
    """Work until a signal says to end. Raises RefusedError and NotReadyError."""
    stop = _stop_on_signals()
    async with open_clients(settings, files) as clients, AsyncExitStack() as running:
        client = await _unless(stop, _prepared(settings, clients, metrics, store))
        plane = await running.enter_async_context(open_dataplane(settings))
        clock = await running.enter_async_context(watched())
        for worker in build_workers(client, settings, clients, files.knowledge, plane, clock, refusals_to(metrics)):
            await running.enter_async_context(worker)
        if stop.is_set():
            raise NotReadyError
        # What is loaded by now stays: without this each full collection walks all of it, a tenth of the CPU.
        gc.collect()
        gc.freeze()
        if clients.secrets.short:
            log.warning(SHORT_SECRETS, names=clients.secrets.short)
        limits = [quota.in_words for quota in clients.quotas.quotas.values()]
        log.info("worker ready", queues=_queues(clients), limits=limits, build_id=settings.build_id)
        await stop.wait()
        log.info("worker draining", seconds=settings.graceful_shutdown_seconds)
    log.info("worker ended")


async def _prepared(settings: WorkerSettings, clients: Clients, metrics: Runtime, store: PayloadStore) -> Client:
    """A client, when the models are checked. Raises RefusedError."""
    client, models = await asyncio.gather(_connected(settings, metrics, store), clients.claude.check_models())
    for warning in models.warnings:
        log.warning("model not checked", problem=warning)
    if models.refusals:
        raise RefusedError("\n".join(models.refusals))
    return client


def build_workers(
    client: Client,
    settings: WorkerSettings,
    clients: Clients,
    knowledge: Knowledge,
    plane: Dataplane,
    clock: TaskClock | None = None,
    refusals: Told = untold,
) -> Sequence[Worker]:
    """One worker for each queue: every process, Claude, which has a rate limit over all workers, each place that has
    limits, and the data plane, where a worker takes as many tasks as it has processes for.
    """
    connections = connections_of(client, settings, clients, knowledge, plane)
    rooms = connected([kind for kind in ACTIVITIES if kind not in ELSEWHERE], connections)
    common, deciding = _common(settings), _deciding(settings, clock, refusals)
    serving = [
        Worker(
            client,
            task_queue=process.queue,
            workflows=WORKFLOWS[process.name],
            activities=_all(rooms),
            **deciding,
            **common,
        )
        for process in processes().values()
    ]
    asking = Worker(
        client,
        task_queue=CLAUDE_QUEUE,
        activities=_methods([ClaudeActivities], connections),
        max_concurrent_activities=settings.claude_concurrency,
        max_task_queue_activities_per_second=settings.claude_rate_per_second,
        **common,
    )
    limited = [
        Worker(
            client,
            task_queue=quota.queue,
            activities=_all(rooms),
            max_task_queue_activities_per_second=quota.rps,
            **common,
        )
        for quota in clients.quotas.quotas.values()
        if quota.queue != CLAUDE_QUEUE
    ]
    moving = Worker(
        client,
        task_queue=DATA_QUEUE,
        activities=_methods([PipelineActivities], connections),
        max_concurrent_activities=max(1, settings.pipeline_processes),
        **common,
    )
    return (*serving, asking, *limited, *([moving] if settings.pipeline_processes else []))


def _queues(clients: Clients) -> list[str]:
    """Each once."""
    return list(dict.fromkeys((*QUEUES, *(quota.queue for quota in clients.quotas.quotas.values()))))


def _common(settings: WorkerSettings) -> dict[str, Any]:
    """Options of every worker."""
    return {
        "interceptors": [ActivityEdge(), SignedUpdates(settings.decision_keys())],
        "deployment_config": WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(DEPLOYMENT, settings.build_id), use_worker_versioning=False
        ),
        "graceful_shutdown_timeout": timedelta(seconds=settings.graceful_shutdown_seconds),
        "max_heartbeat_throttle_interval": timedelta(seconds=1),
    }


def _deciding(settings: WorkerSettings, clock: TaskClock | None, refusals: Told) -> dict[str, Any]:
    """Options of the workers that run workflows."""
    return {
        "workflow_runner": runner(
            keys=settings.decision_keys(),
            clock=clock,
            encryption=settings.encryption_rule() if settings.keys() else None,
            refusals=refusals,
        ),
        "max_cached_workflows": settings.max_cached_workflows,
        # A worker that died keeps its runs for this long; the default of 10 s is felt.
        "sticky_queue_schedule_to_start_timeout": timedelta(seconds=1),
    }


def _all(rooms: Sequence[object]) -> list[Callable[..., Any]]:
    return with_batches([activity for room in rooms for activity in activities_of(room)])


def _methods(kinds: Sequence[type], connections: Mapping[str, object]) -> list[Callable[..., Any]]:
    return [activity for room in connected(kinds, connections) for activity in activities_of(room)]


async def _connected(settings: WorkerSettings, metrics: Runtime, store: PayloadStore) -> Client:
    """A client, as soon as Temporal answers: compose may start it later. Raises RefusedError."""
    codec = codec_of(settings.keys(), settings.encryption_rule())
    said = False
    while True:
        try:
            client = await connect(codec, metrics, store)
            await ensure_search_attributes(client)
        except (SearchAttributesError, TemporalConfigError) as error:
            raise RefusedError(str(error)) from error
        except (RuntimeError, RPCError) as error:
            if not said:
                log.warning("Temporal does not answer yet, trying on", address=address(), problem=str(error)[:200])
            said = True
        else:
            return client
        await asyncio.sleep(RETRY_CONNECT_SECONDS)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """The result of `work`, which is left as soon as the worker is told to end. Raises NotReadyError."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise NotReadyError
        return working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def _stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first, number)
    return stop


if __name__ == "__main__":
    main()
