"""Logs and metrics: structlog over everything that is logged, nothing twice in a replay, no data at any level.

What may be written is listed: our own lines below a warning, fields by name, the words of our own errors. A library's
line tells its first line and no data; a traceback tells where, and of which type.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
import temporalio
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from towpath.config.settings import ClientSettings
from towpath.contracts.core.failure import Failure, HouseError
from towpath.temporal.current import CURRENT_CALL

Event = MutableMapping[str, Any]
SECRET_NAMES = re.compile(r"(token|password|secret|api_?key|authorization|salt)", re.IGNORECASE)
SECRET_TEXTS = re.compile(
    r"sk-ant-[\w-]+|xox[abpr]-[\w-]+|Bearer\s+[\w.~+/-]+=*|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
)
MASK = "[removed]"
TASK_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
PARTITION_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Bounds of the histogram of partitions: the SDK's own end at ten seconds."""
CORE_TEXT = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
CORE_OWN = re.compile(r"\[TMPRL\d+\]")
CORE_TEXT_MAX = 300
NUMBER = re.compile(r"\d+")
MINUTE_SECONDS = 60.0
OWN_LOGGERS = frozenset({"worker", "receiver"})
SHARED_LOGGERS = frozenset({"temporalio.workflow", "temporalio.activity"})
"""Those that the SDK lends to workflows and activities, and writes to itself."""
SDK = str(Path(temporalio.__file__).parent)
FIELDS = frozenset(
    {
        *{"event", "level", "logger", "timestamp", "exception", "process", "run", "step", "attempt"},
        *{"target", "workflow_id", "run_id", "problem", "handler", "status", "address"},
        *{"queues", "limits", "build_id", "seconds", "files", "names"},
    }
)
"""All that a line may hold. A new field is added here when it is never data of a run."""
TEMPORAL_NOISE = ("temporal_workflow", "temporal_activity", "__temporal_error_identifier")


def configure_logging(settings: ClientSettings) -> None:
    """Route structlog and the standard library's logging through one chain to stderr."""
    renderer: Any = structlog.dev.ConsoleRenderer() if settings.log_format == "console" else _json_renderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=_chain(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(is_told)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for noisy in ("httpx", "httpcore", "httpx2", "anthropic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_chain(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def runtime(metrics_address: str) -> Runtime:
    """Temporal's runtime with its metrics, and ours, on `http://<metrics_address>/metrics`. Raises ValueError."""
    metrics = PrometheusConfig(
        bind_address=metrics_address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={
            "towpath_pipeline_partition_duration": PARTITION_SECONDS,
            "temporal_workflow_task_execution_latency": TASK_SECONDS,
        },
    )
    core = logging.getLogger("temporal")
    core.filters[:] = [OncePerMinute()]
    forwarding = LogForwardingConfig(
        core,
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    # A run that does not replay, and a completion that the server refuses, are told by the core alone, as warnings.
    filters = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logs = LoggingConfig(filter=filters, forwarding=forwarding)
    return Runtime(
        telemetry=TelemetryConfig(metrics=metrics, logging=logs), worker_heartbeat_interval=timedelta(seconds=30)
    )


class OncePerMinute(logging.Filter):
    """Each pollers' line of a server that does not answer, once a minute: there were ten a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (NUMBER.sub("#", record.getMessage()), _field(record, "run_id"))
        if record.created - self._last.get(key, 0.0) < MINUTE_SECONDS:
            return False
        recent = {known: at for known, at in self._last.items() if record.created - at < MINUTE_SECONDS}
        self._last = recent | {key: record.created}
        return True


def _field(record: logging.LogRecord, name: str) -> str:
    forwarded: Any = vars(record).get("temporal_log")
    return "" if forwarded is None else str(forwarded.fields.get(name, ""))


def _chain() -> list[Any]:
    return [
        replay_safe,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        core_fields,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(told_exception),
        known_fields,
        redact,
    ]


def _json_renderer() -> Any:
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def is_told(record: logging.LogRecord) -> bool:
    """Below a warning only our own lines: a library's hold whatever it sends and gets, as the SDK's hold payloads."""
    return record.levelno >= logging.WARNING or _is_own(record)


def _is_own(record: logging.LogRecord) -> bool:
    if record.name in SHARED_LOGGERS:
        return not record.pathname.startswith(SDK)
    return record.name in OWN_LOGGERS


def told_exception(exc_info: Any) -> str:
    """A traceback, causes first, with the words of our own errors and the SDK's numbered ones: others quote data."""
    return "\n".join(line for error in _chained(exc_info[1]) for line in _lines(error))


def _chained(error: BaseException | None) -> Iterator[BaseException]:
    if error is None:
        return
    yield from _chained(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    yield error


def _lines(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    words = error.message if isinstance(error, HouseError | ApplicationError) else str(error).partition("\n")[0]
    yield type(error).__name__ + (f": {words}" if _has_own_words(error, words) else "")


def _has_own_words(error: BaseException, words: str) -> bool:
    if isinstance(error, ApplicationError):
        return any(isinstance(detail, Failure) for detail in error.details)
    return isinstance(error, HouseError) or CORE_OWN.match(words) is not None


def known_fields(_: Any, __: str, event: Event) -> Event:
    """Leave out what is not in the list, and of a library's line all but its beginning."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and not _is_own(record):
        event["event"] = str(event["event"]).partition("\n")[0][:CORE_TEXT_MAX]
    for name in [name for name in event if name not in FIELDS and not name.startswith("_")]:
        del event[name]
    return event


def replay_safe(_: Any, __: str, event: Event) -> Event:
    """Drop what a replay says again, and say which run and step the rest belongs to."""
    if workflow.in_workflow():
        if workflow.unsafe.is_replaying_history_events():
            raise structlog.DropEvent
        info = workflow.info()
        event.update(process=info.workflow_type, run=info.workflow_id)
    elif activity.in_activity():
        details = activity.info()
        step = CURRENT_CALL.get() or details.activity_id
        event.update(process=details.workflow_type, run=details.workflow_id, step=step)
        event["attempt"] = details.attempt
    return event


def core_fields(_: Any, __: str, event: Event) -> Event:
    """What a line of the SDK's core tells beside its message: where, of which run, and its own words for the problem.

    The failure of a workflow task may quote what a run was given: of it only what the core says itself is kept.
    """
    record = event.pop("temporal_log", None)
    if record is None:
        return event
    fields: Mapping[str, Any] = record.fields
    event["target"] = record.target
    event.update({name: str(fields[name]) for name in ("workflow_id", "run_id") if fields.get(name)})
    for name in ("failure", "error"):
        text = CORE_TEXT.search(str(fields.get(name, "")))
        if text is not None and (name == "error" or CORE_OWN.match(text[1])):
            event["problem"] = text[1][:CORE_TEXT_MAX]
    return event


def redact(_: Any, __: str, event: Event) -> Event:
    """Remove secrets by name and by look, and e-mail addresses, from whatever is about to be written."""
    for name in TEMPORAL_NOISE:
        event.pop(name, None)
    for name, value in list(event.items()):
        if SECRET_NAMES.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = SECRET_TEXTS.sub(MASK, value)
    return event
