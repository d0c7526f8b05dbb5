"""Logs at DEBUG: no line, field, cause or library brings data of a run into them, and what helps is still there."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import temporalio.worker._activity as sdk_activity
from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from towpath.config.settings import ClientSettings
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.observability import configure_logging
from towpath.temporal.failures import to_application_error

WHO = "Hiddenname"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that is logged, at the lowest level."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(ClientSettings(log_level="debug", log_format="json"))
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "name", ["temporalio.worker._workflow", "temporalio.service", "aiohttp.client", "asyncio", "x"]
)
def test_libraries_say_nothing_below_a_warning(written: io.StringIO, name: str) -> None:
    """What a library tells of its work holds payloads, addresses and URLs, whichever library it is."""
    logging.getLogger(name).debug("sent %s", WHO)
    logging.getLogger(name).info("got %s", WHO)

    assert written.getvalue() == ""


def test_the_sdk_in_our_loggers_says_nothing(written: io.StringIO) -> None:
    """It writes into the loggers that it lends to activities: a line is ours when our code wrote it."""
    theirs = logging.LogRecord("temporalio.activity", logging.DEBUG, sdk_activity.__file__, 1, WHO, (), None)
    logging.getLogger("temporalio.activity").handle(theirs)
    activity.logger.debug("ours")

    assert WHO not in written.getvalue()
    assert "ours" in written.getvalue()


def test_a_librarys_warning_is_its_first_line(written: io.StringIO) -> None:
    """The rest shows what it was about, as asyncio shows the task whose error nobody took."""
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task %s>", WHO)

    assert "Task exception was never retrieved" in written.getvalue()
    assert WHO not in written.getvalue()


def test_fields_are_listed(written: io.StringIO) -> None:
    """A field that nobody has listed is left out."""
    structlog.stdlib.get_logger("worker").debug("asked", step="one", customer=WHO)
    logging.getLogger("temporalio.activity").warning("asked", extra={"request": WHO, "handler": "two"})

    assert WHO not in written.getvalue()
    assert '"step": "one"' in written.getvalue() and '"handler": "two"' in written.getvalue()


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        pytest.param(ValueError(WHO), "ValueError", id="foreign"),
        pytest.param(RPCError(WHO, RPCStatusCode.NOT_FOUND, b""), "RPCError", id="service"),
        pytest.param(RuntimeError(f"[TMPRL1100] Nondeterminism\n{WHO}"), "[TMPRL1100] Nondeterminism", id="numbered"),
        pytest.param(HouseError(FailureCode.STEP_INPUT, "it is no text"), "it is no text", id="ours"),
        pytest.param(
            to_application_error(HouseError(FailureCode.STEP_INPUT, "it is no text")),
            "it is no text",
            id="of-an-activity",
        ),
    ],
)
def test_tracebacks_quote_no_data(written: io.StringIO, error: Exception, shown: str) -> None:
    """Where and of which type, with its cause; the words only of errors of which we know that they hold none."""

    def fail(cause: Any) -> None:
        raise error from cause

    try:
        fail(KeyError(WHO))
    except type(error):
        logging.getLogger("temporalio.worker").exception("it failed")

    assert shown in written.getvalue() and "KeyError" in written.getvalue() and "in fail" in written.getvalue()
    assert WHO not in written.getvalue()
