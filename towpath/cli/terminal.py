"""How every command speaks: results to stdout as text or JSON, problems to stderr, exit codes that scripts can use."""

import json
import sys
from collections.abc import Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from towpath.config.settings import ClientSettings, SettingsError, load_client_settings
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control.temporal import (
    SearchAttributesError,
    Started,
    address,
    connect,
    ensure_search_attributes,
    link,
    run_to_end,
)
from towpath.control.ui import ui_url
from towpath.integrations.storage.codec import EncryptionCodec
from towpath.integrations.storage.payloads import PayloadStore, PayloadStoreError

ResultT = TypeVar("ResultT")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RunId = Annotated[str, typer.Argument(help="The run: customer-onboarding/KEY, or KEY alone.", metavar="ID")]

console = Console(highlight=False)
problems = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    REFUSED = 1
    WRONG_INPUT = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    TIMED_OUT = 5


EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, or the run ended without success; 2 wrong input or settings; 3 not found; "
    "4 Temporal or a worker does not answer; 5 waited too long."
)


def fail(code: Exit, *lines: str) -> NoReturn:
    """Say what is wrong, a line each, and end."""
    for line in lines:
        problems.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def warn(*lines: str) -> None:
    """Say what a command is about to do that its user may not mean."""
    for line in lines:
        problems.print(f"warning: {line}", markup=False, soft_wrap=True)


def settings() -> ClientSettings:
    try:
        return load_client_settings()
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


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
        keys, store = settings().keys(), PayloadStore(settings().payload_store)
    except (SettingsError, PayloadStoreError) as error:
        fail(Exit.WRONG_INPUT, str(error))
    try:
        return await connect(EncryptionCodec(keys) if keys else None, store=store)
    except RuntimeError:
        return None


@contextmanager
def _temporal_problems() -> Generator[None]:
    try:
        yield
    except RPCTimeoutOrCancelledError:
        fail(Exit.UNREACHABLE, "No worker answered in time. Is one running? `python worker.py`")
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


def show_json(value: BaseModel | dict[str, Any] | Sequence[Any]) -> None:
    sys.stdout.write(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False) + "\n")


def show_json_line(value: Mapping[str, Any]) -> None:
    """For a command that goes on: whoever reads it sees each line at once."""
    sys.stdout.write(json.dumps(to_jsonable_python(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def full_id(workflow_id: str) -> str:
    return workflow_id if "/" in workflow_id else f"{ONBOARDING.name}/{workflow_id}"
