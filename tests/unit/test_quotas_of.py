"""The limits of an installation: from its settings and its connections file to the queues that a worker serves."""

from pathlib import Path

import pytest

from tests.unit.guarded_http.test_connections_file import written
from towpath.assembly.quotas import quotas_of
from towpath.config.connections import Connections
from towpath.config.settings import SettingsError, WorkerSettings, load_worker_settings
from towpath.contracts.core.quota import Quota, group_of
from towpath.contracts.core.wire import JsonObject

NEEDED = ("EMAIL_CHECK_URL", "ACCOUNTS_URL", "BILLING_URL", "CRM_URL")


@pytest.fixture(autouse=True)
def enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a worker must be given."""
    monkeypatch.chdir(tmp_path)
    for name in NEEDED:
        monkeypatch.setenv(f"TOWPATH_{name}", "https://service.example")
    for name, value in {"SLACK_TOKEN": "x", "SMTP_HOST": "mail.example", "MAIL_FROM": "a@b.example"}.items():
        monkeypatch.setenv(f"TOWPATH_{name}", value)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")


def quotas(tmp_path: Path) -> dict[str, Quota]:
    limited = {"hosts": ["a.example"], "limits": {"rps": 5, "concurrent": 3}}
    free: JsonObject = {"hosts": ["b.example"]}
    counted: JsonObject = {"hosts": ["c.example"], "limits": {}}
    file = written(tmp_path, {"slow": limited, "free": free, "counted": counted})
    settings: WorkerSettings = load_worker_settings()
    return quotas_of(settings, Connections.load(file))


def test_each_place_with_limits_has_a_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections and services have queues of their own, Claude has its own already; without limits there is none."""
    monkeypatch.setenv("TOWPATH_SERVICE_LIMITS", '{"orders": {"rps": 0.5}}')
    monkeypatch.setenv("TOWPATH_CLAUDE_TOKENS_PER_MINUTE", "40000")
    found = quotas(tmp_path)

    assert {place: (quota.queue, quota.has_line, quota.in_words) for place, quota in found.items()} == {
        "connection/slow": (
            "quota/connection/slow",
            True,
            "connection/slow: 5 calls a second, 3 at once",
        ),
        "connection/counted": ("quota/connection/counted", False, "connection/counted: no limit"),
        "service/orders": ("quota/service/orders", False, "service/orders: 0.5 calls a second"),
        "claude": ("claude", True, "claude: 40000 tokens a minute"),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"order": {"rps": 5}}', "TOWPATH_SERVICE_LIMITS: order: there is no such service: did you mean 'orders'?"),
        ('{"orders": {"rps": -1}}', "TOWPATH_SERVICE_LIMITS: orders.rps: must be above 0.0 (limits of services"),
        ('{"orders": {"key": "x"}}', "TOWPATH_SERVICE_LIMITS: orders: key stands in the definition, as limits: {key"),
        ('{"orders": 5}', "TOWPATH_SERVICE_LIMITS: orders: must be an object: write {…}"),
    ],
    ids=["service", "rate", "key", "shape"],
)
def test_bad_limits_are_told(given: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker does not start with them: its line says where, what and how to mend it."""
    monkeypatch.setenv("TOWPATH_SERVICE_LIMITS", given)
    with pytest.raises(SettingsError) as caught:
        quotas(tmp_path)

    assert str(caught.value).startswith(said)


def test_a_key_names_nobody() -> None:
    """What a group is told by fits into Temporal's 64 bytes, and holds nothing of the key."""
    found = group_of("kim@hanbit.example" * 1_000)
    assert len(found) == 32 and "kim" not in found
    assert group_of("1") != group_of(1)
