"""The instruments of the effect lanes: the receiver that counts, and the bars."""

import asyncio
import json
from typing import Any

import pytest

from bench.effects_crash import Counts, CrashFigures
from bench.effects_receiver import Connection, Ledger
from bench.effects_tables import BARS
from bench.effects_work import CALLS, definition
from towpath.engine.checks.loading import digest, load_plan


class Socket(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answers.append(bytes(data))

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in self.answers]


def connect(ledger: Ledger) -> tuple[Connection, Socket]:
    connection, socket = Connection(ledger), Socket()
    connection.connection_made(socket)
    return connection, socket


def post(key: str, body: str) -> bytes:
    head = f"POST /step HTTP/1.1\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def ask(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nhost: here\r\n\r\n".encode()


def test_repeated_and_changed_requests_are_told_apart() -> None:
    """The receiver tells how many requests came, how many calls they were, and which came again with another body."""
    connection, socket = connect(Ledger())
    for request in (post("a", "{}"), post("b", "{}"), post("a", "{}"), post("b", '{"late":1}'), ask("/counts")):
        connection.data_received(request)
    assert socket.told()[-1] == {"requests": 4, "keys": 2, "changed": 1}
    connection.data_received(ask("/counts", "DELETE"))
    assert socket.told()[-1] == {"requests": 0, "keys": 0, "changed": 0}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_requests_are_counted_however_their_bytes_arrive(size: int) -> None:
    """A request is counted once whether its bytes come one by one or together with the next request."""
    connection, socket = connect(Ledger())
    sent = post("a", '{"text":"one"}') + post("b", '{"text":"two"}') + ask("/counts")
    for begin in range(0, len(sent), size):
        connection.data_received(sent[begin : begin + size])
    assert len(socket.answers) == 3
    assert socket.told()[-1] == {"requests": 2, "keys": 2, "changed": 0}


def test_a_question_waits_for_its_count() -> None:
    """`GET /counts/2` is answered when two requests have come, and not before."""
    ledger = Ledger()
    (asking, waits), (sending, _) = connect(ledger), connect(ledger)
    asking.data_received(ask("/counts/2"))
    sending.data_received(post("a", "{}"))
    assert waits.answers == []
    sending.data_received(post("b", "{}"))
    assert [told["requests"] for told in waits.told()] == [2]


def test_a_crash_tells_what_was_repeated_and_lost() -> None:
    """Requests beyond one for each call are repeated, and calls that never came are lost."""
    crashed = CrashFigures(99, Counts(requests=812, keys=797, changed=0))
    assert (crashed.repeated, crashed.lost) == (15, 3)


@pytest.mark.parametrize(
    ("title", "ratio", "verdict"),
    [
        ("runs/s", 2.3, "reached"),
        ("runs/s", 2.0, "reached for httpx"),
        ("runs/s", 1.8, "missed"),
        ("CPU", 0.52, "reached"),
        ("CPU", 0.6, "reached for httpx"),
        ("CPU", 0.7, "missed"),
    ],
)
def test_a_bar_is_reached_or_missed(title: str, ratio: float, verdict: str) -> None:
    """More runs and less CPU are better; what holds for httpx alone is told so."""
    (bar,) = (bar for bar in BARS if bar.title == title)
    assert bar.verdict(ratio) == verdict


def test_the_definition_of_the_common_work_has_its_calls() -> None:
    """The definition that is measured has eight calls and two functions."""
    document = definition("http://127.0.0.1:1")
    steps = (node.step for node in load_plan(digest(document), document).steps())
    types = [step.type for step in steps if step is not None]
    assert (types.count("http"), types.count("function")) == (CALLS, 2)
