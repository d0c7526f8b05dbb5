"""A command's connection to Temporal: who answers there, and what a command says when nobody does."""

from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from towpath.cli.configuration import settings
from towpath.cli.terminal import Exit, console, fail
from towpath.config.settings import SettingsError
from towpath.config.stores import access_of
from towpath.control.temporal import (
    SearchAttributesError,
    Started,
    TemporalConfigError,
    address,
    connect,
    ensure_search_attributes,
    link,
    run_to_end,
)
from towpath.control.ui import ui_url
from towpath.integrations.storage.codec import DecryptionError, codec_of
from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError

ResultT = TypeVar("ResultT")


def run(command: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a command's coroutine; what Temporal does not answer becomes an exit code."""
    with _temporal_problems():
        return run_to_end(command)


async def client() -> Client:
    """Connected by Temporal's own configuration. Ends the command when nobody answers there."""
    found = await reachable()
    if found is None:
        fail(
            Exit.UNREACHABLE,
            f"Temporal does not answer at {address()}.",
            "Start the local one with `make up`, or set TEMPORAL_ADDRESS or TEMPORAL_PROFILE.",
        )
    try:
        # No worker may have been here yet, and starts and lists need them.
        await ensure_search_attributes(found)
    except SearchAttributesError as error:
        fail(Exit.REFUSED, str(error))
    return found


async def reachable() -> Client | None:
    """The same, for a command that can do something without a server."""
    try:
        own = settings()
        keys, store = own.keys(), PayloadStore(own.payload_store, access_of(own))
        codec = codec_of(keys, own.encryption_rule())
        signs = own.signing_key()
    except (SettingsError, PayloadStoreError) as error:
        fail(Exit.WRONG_INPUT, str(error))
    try:
        return await connect(codec, store=store, decision_key=signs)
    except TemporalConfigError as error:
        fail(Exit.WRONG_INPUT, str(error))
    except RuntimeError:
        return None


@contextmanager
def _temporal_problems() -> Generator[None]:
    try:
        yield
    except RPCTimeoutOrCancelledError:
        fail(Exit.UNREACHABLE, "No worker answered in time. Is one running? `python worker.py`")
    except DecryptionError as error:
        fail(Exit.REFUSED, f"Cannot be read: {error}")
    except WorkflowQueryFailedError as error:
        fail(Exit.REFUSED, f"The run cannot answer: {error}")
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            fail(Exit.NOT_FOUND, f"Not found: {error.message}")
        if error.status in {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}:
            fail(Exit.UNREACHABLE, "No worker answered in time. Is one running? `python worker.py`")
        fail(Exit.UNREACHABLE, f"Temporal refused: {error.message}")


def page_of(handle: WorkflowHandle[Any, Any], temporal: Client) -> str | None:
    """A run's page in Temporal's UI; None when nobody said where that is."""
    ui = ui_url(address(), settings().ui_url)
    return None if ui is None else link(handle.id, handle.result_run_id or "", temporal.namespace, ui)


def say_started(started: Started, page: str | None) -> None:
    told = "joined the running" if started.existing else "started"
    shown = page or "(set TOWPATH_UI_URL for a link to Temporal's UI)"
    console.print(f"{told} {started.handle.id}", shown, sep="\n", markup=False, soft_wrap=True)
