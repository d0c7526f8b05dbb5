"""Telling the lineage of a run: events of OpenLineage to a file, to a collector, or to both."""

import fcntl
import json

import httpx

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.pipeline.plane import COLLECTOR
from towpath.contracts.pipeline.stages import LineageEmitted, LineageTask
from towpath.dataplane.core.connections import HttpConnection
from towpath.dataplane.core.errors import LineageError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.report.events import events_of
from towpath.outside.blocking import blocking_client
from towpath.outside.bounds import MAX_ANSWER_BYTES
from towpath.roots import PathRefusedError, Root

PATH = "api/v1/lineage"
LOOKED_AT = 4 * 1024**2
"""So much of the end of a file is searched for an event that was told before."""
_LATER = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS})


def emit_lineage(task: LineageTask, work: Workspace) -> LineageEmitted:
    """The same events whenever it is tried. Raises LineageError when the file or the collector does not take them."""
    events = events_of(task, work)
    sinks = task.config.lineage
    if sinks.file is not None:
        _append(sinks.file, work.roots.destinations, events)
    collector = work.connections.get(COLLECTOR) if sinks.url_setting else None
    sent = isinstance(collector, HttpConnection)
    if isinstance(collector, HttpConnection):
        _send(collector, events)
    return LineageEmitted(events=len(events), file=sinks.file or "", sent=sent)


def _append(path: str, root: Root, events: tuple[JsonObject, ...]) -> None:
    """One line for each event, unless it is there: an attempt that was lost after it wrote is not told twice."""
    try:
        with root.open_append(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if not _is_lineage(file.readline(LOOKED_AT)):
                raise PathRefusedError(path, "is no file of lineage, and stays as it is", "name one that is not there")
            file.seek(max(0, file.seek(0, 2) - LOOKED_AT))
            known = set(file.read().splitlines())
            lines = [json.dumps(event, separators=(",", ":")).encode() for event in events]
            file.write(b"".join(line + b"\n" for line in lines if line not in known))
    except OSError as error:
        raise LineageError(f"the lineage file cannot be written: {type(error).__name__}") from error


def _is_lineage(first: bytes) -> bool:
    """Of the first line of a file, which may be empty."""
    return not first or {"eventType", "producer"} <= (json_object(first) or {}).keys()


def _send(collector: HttpConnection, events: tuple[JsonObject, ...]) -> None:
    headers = {name: value.get_secret_value() for name, value in collector.headers.items()}
    url = f"{collector.base_url.rstrip('/')}/{PATH}"
    try:
        with blocking_client(collector.timeout_seconds, MAX_ANSWER_BYTES, headers=headers) as client:
            for event in events:
                answer = client.post(url, json=event)
                if not answer.is_success:
                    later = answer.is_server_error or answer.status_code in _LATER
                    raise LineageError(f"the lineage collector answered {answer.status_code}", retryable=later)
    except httpx.HTTPError as error:
        raise LineageError(f"the lineage collector cannot be reached: {type(error).__name__}") from error
