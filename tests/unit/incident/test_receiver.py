"""Whoever has the token is answered 2xx, or a 503 that a repetition cures; what is unreadable pages people."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.service import RPCError, RPCStatusCode

from tests.unit.incident.material import NOON
from tests.unit.incident.recorded import NAMES, text
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.incident.alerts import AlertmanagerWebhook
from towpath.control.intake import AlertIntake, Taken
from towpath.control.receiver import MAX_BODY_BYTES, PATH, Receiver
from towpath.policy.incident.deliveries import FIRST_PART, UNREADABLE, parts
from towpath.policy.incident.severity import assess


class Recorded(AlertIntake):
    """An intake that makes what would be sent, and sends nothing. `refuses` is raised for what it is true of."""

    def __init__(self, refuses: Callable[[AlertmanagerWebhook], RPCError | None] = lambda _: None) -> None:
        self.taken: list[AlertmanagerWebhook] = []
        self._refuses = refuses

    async def take(self, webhook: AlertmanagerWebhook) -> Taken:
        error = self._refuses(webhook)
        if error is not None:
            raise error
        for part in parts(webhook, NOON):
            for batch in part.batches:
                assert len(batch.model_dump_json().encode()) < 1024 * 1024
        self.taken.append(webhook)
        return Taken("incident-response/x", len(webhook.alerts))

    @property
    def level(self) -> int:
        return max(assess(one.alerts, (), ()).level for one in self.taken)

    @property
    def names(self) -> list[str]:
        return [alert.labels.get("alertname", "") for one in self.taken for alert in one.alerts]


def door(intake: AlertIntake) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Receiver(intake, "secret").app())
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)


async def sent(intake: AlertIntake, content: bytes, method: str = "POST", path: str = PATH) -> httpx.Response:
    async with door(intake) as http:
        return await http.request(method, path, content=content)


UNREADABLE_BODIES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"x" * 5000, id="no JSON"),
    pytest.param(b"[1, 2]", id="a list"),
    pytest.param(b"null", id="null"),
    pytest.param(b'"alerts"', id="a text"),
    pytest.param(b"{}", id="an empty object"),
    pytest.param(b'{"alerts": []}', id="no alert"),
    pytest.param(b'{"alerts": {"a": 1}}', id="an object in place of the list"),
    pytest.param(b'{"alerts": [' + b"[" * 100_000, id="deep"),
    pytest.param(b"\xff\xfe\x00", id="another encoding"),
    pytest.param(b'{"alerts": [1' + b"0" * 5000 + b"]}", id="a large number"),
    pytest.param(json.dumps({"alerts": [{"labels": {"a": "x" * 9 * 1024**2}}]}).encode(), id="above the limit"),
]


@pytest.mark.parametrize("content", UNREADABLE_BODIES)
async def test_people_are_paged_for_what_cannot_be_read(content: bytes) -> None:
    """The first part of the body is kept in an alert of level 4, and the sender is told that it was taken."""
    intake = Recorded()
    answer = await sent(intake, content)

    assert (answer.status_code, intake.level, intake.names) == (200, 4, [UNREADABLE])
    assert answer.json()["unreadable"]
    kept = intake.taken[0].alerts[0].annotations["body"]
    assert len(kept) <= FIRST_PART and kept[:20].strip("� ") in content.decode("utf-8", "replace")


async def test_an_item_that_is_no_alert_is_one() -> None:
    """What can be read of a list is read; the rest is an alert that says so."""
    intake = Recorded()
    answer = await sent(intake, json.dumps({"groupKey": "g", "alerts": [{"labels": {"severity": "info"}}, 7]}).encode())

    assert (answer.status_code, len(intake.taken[0].alerts), intake.level) == (200, 2, 4)


@pytest.mark.parametrize("name", NAMES)
async def test_recorded_bodies_are_taken(name: str) -> None:
    """What real programs sent is taken as it is, and nobody is told that it could not be read."""
    intake = Recorded()
    answer = await sent(intake, text(name).encode())

    assert (answer.status_code, "unreadable" in answer.json()) == (200, False)


@pytest.mark.parametrize(("method", "path"), [("PUT", PATH), ("POST", f"{PATH}/"), ("POST", f"{PATH}/team")])
async def test_senders_have_their_ways(method: str, path: str) -> None:
    """Grafana may send by PUT, and an address may end otherwise."""
    assert (await sent(Recorded(), text("prometheus-firing").encode(), method, path)).status_code == 200


@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.RESOURCE_EXHAUSTED])
async def test_temporal_away_is_cured_by_a_repetition(status: RPCStatusCode) -> None:
    """503 with a time: the same body later is taken."""
    answer = await sent(Recorded(lambda _: RPCError("away", status, b"")), text("prometheus-firing").encode())

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


async def test_what_temporal_never_takes_is_told_to_people() -> None:
    """A message that no repetition cures is kept in its first part, and pages."""
    never = RPCError("too large", RPCStatusCode.INVALID_ARGUMENT, b"")
    intake = Recorded(lambda webhook: None if webhook.receiver == "towpath" else never)
    body = text("prometheus-firing").replace('"all"', '"team"').encode()
    answer = await sent(intake, body)

    assert (answer.status_code, intake.level, intake.names) == (200, 4, [UNREADABLE])


any_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def any_of(names: Sequence[str]) -> Any:
    return dict.fromkeys(names, any_json)


FIELDS = ("status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint", "values", "level")
any_alert: Any = st.fixed_dictionaries({}, optional=any_of(FIELDS))
WHOLE = ("version", "groupKey", "status", "receiver", "groupLabels", "commonLabels", "truncatedAlerts", "externalURL")
any_webhook: Any = st.fixed_dictionaries({"alerts": st.lists(any_alert | any_json, max_size=4)}, optional=any_of(WHOLE))


@given(any_webhook | any_json)
@settings(max_examples=300, deadline=None)
async def test_no_body_is_refused(given: JsonObject) -> None:
    """Bodies of any shape are answered 200, and each leaves alerts behind."""
    intake = Recorded()
    answer = await sent(intake, json.dumps(given).encode())

    assert answer.status_code == 200 and intake.taken


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
async def test_no_bytes_are_refused(given: bytes) -> None:
    """Nor what is no JSON at all."""
    intake = Recorded()

    assert (await sent(intake, given)).status_code == 200 and intake.level == 4


async def test_a_body_at_the_limit_is_read() -> None:
    """5 MB and more are read whole; the last alert of them counts."""
    alerts = [{"labels": {"severity": "info", "n": str(n)}, "annotations": {"a": "x" * 900}} for n in range(6000)]
    body = json.dumps({"groupKey": "g", "alerts": [*alerts, {"labels": {"severity": "critical"}}]}).encode()
    assert 5 * 1024**2 < len(body) < MAX_BODY_BYTES
    intake = Recorded()

    assert (await sent(intake, body)).status_code == 200
    assert intake.level == 4
