"""Settings for production: each thing that is for one's own machine is refused, alone and all together."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from towpath.assembly.pipeline import dataplane_setup
from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.production import production_problems
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.config.settings import SettingsError, load_worker_settings
from towpath.dataplane.core.setup import SetupError, read_connections

ROOT = Path(__file__).resolve().parents[2]
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
GOOD = {
    "ANTHROPIC_API_KEY": "sk-real",
    "TOWPATH_PROFILE": "production",
    "TOWPATH_CUSTOMER_SALT": "a salt of our own",
    "TOWPATH_ENCRYPTION": "require",
    "TOWPATH_ENCRYPTION_KEYS": f"k1:{KEY}",
    "TOWPATH_DECISION_KEY": "d" * 32,
    "TOWPATH_EMAIL_CHECK_URL": "https://email-check.example",
    "TOWPATH_ACCOUNTS_URL": "https://accounts.example",
    "TOWPATH_BILLING_URL": "https://billing.example",
    "TOWPATH_CRM_URL": "https://crm.example",
    "TOWPATH_SLACK_TOKEN": "xoxb-real",
    "TOWPATH_SMTP_HOST": "mail.example",
    "TOWPATH_SMTP_PASSWORD": "hush",
    "TOWPATH_MAIL_FROM": "Towpath <welcome@example.com>",
    "TOWPATH_UI_URL": "http://temporal.internal:8080",
    "TOWPATH_PIPELINE_CONNECTIONS": '{"shop": {"type": "http", "base_url": "https://shop.example"}}',
}
HTTP = "http://plain.example"
IS_HTTP = "is http, which anybody on the way reads and changes: give its https address"
STAND_IN = "is a key of the local stand-ins: give the one of the service"
SITE = {"site": HTTP, "user": "editor", "token": "BLOG"}
RULES: list[tuple[dict[str, str], str]] = [
    ({"TOWPATH_CUSTOMER_SALT": ""}, "TOWPATH_CUSTOMER_SALT: is the development salt"),
    ({"TOWPATH_CUSTOMER_SALT": "towpath-development"}, "TOWPATH_CUSTOMER_SALT: is the development salt"),
    ({"TOWPATH_ENCRYPTION_KEYS": "", "TOWPATH_ENCRYPTION": "allow"}, "TOWPATH_ENCRYPTION_KEYS: is missing"),
    ({"TOWPATH_ENCRYPTION": "allow"}, "TOWPATH_ENCRYPTION: is allow"),
    ({"TOWPATH_DECISION_KEY": ""}, "TOWPATH_DECISION_KEY: is missing"),
    ({"TOWPATH_UNSIGNED_DECISIONS": "true"}, "TOWPATH_UNSIGNED_DECISIONS: is true"),
    ({"TOWPATH_CRM_URL": HTTP}, f"TOWPATH_CRM_URL: {IS_HTTP}"),
    ({"TOWPATH_CRM_URL": "HTTP://plain.example"}, f"TOWPATH_CRM_URL: {IS_HTTP}"),
    ({"TOWPATH_LOKI_URL": HTTP}, f"TOWPATH_LOKI_URL: {IS_HTTP}"),
    ({"TOWPATH_OPENLINEAGE_URL": HTTP}, f"TOWPATH_OPENLINEAGE_URL: {IS_HTTP}"),
    ({"ANTHROPIC_BASE_URL": HTTP}, f"ANTHROPIC_BASE_URL: {IS_HTTP}"),
    ({"TOWPATH_EVENT_SINKS": json.dumps({"audit": HTTP})}, f"TOWPATH_EVENT_SINKS: audit: {IS_HTTP}"),
    (
        {"TOWPATH_WORDPRESS_ACCOUNTS": json.dumps({"m": SITE}), "TOWPATH_PUBLISHING_TOKENS": '{"BLOG": "real"}'},
        f"TOWPATH_WORDPRESS_ACCOUNTS: m: {IS_HTTP}",
    ),
    ({"TOWPATH_HTTP_ROUTES": json.dumps({"a.example": "https://b.example"})}, "TOWPATH_HTTP_ROUTES: sends calls"),
    (
        {"TOWPATH_PIPELINE_CONNECTIONS": json.dumps({"shop": {"type": "http", "base_url": HTTP}})},
        f"TOWPATH_PIPELINE_CONNECTIONS: shop: {IS_HTTP}",
    ),
    (
        {"TOWPATH_PIPELINE_CONNECTIONS": '{"lake": {"type": "s3", "access_key": "stand-in", "secret_key": "real"}}'},
        f"TOWPATH_PIPELINE_CONNECTIONS: lake: {STAND_IN}",
    ),
    ({"TOWPATH_SMTP_TLS": "none"}, "TOWPATH_SMTP_TLS: is none"),
    ({"TOWPATH_METRICS_ADDRESS": "0.0.0.0:9464"}, "TOWPATH_METRICS_ADDRESS: is on all interfaces"),
    ({"TOWPATH_SOURCE_ROOTS": "data, /"}, "TOWPATH_SOURCE_ROOTS: has the whole file system"),
    ({"TOWPATH_DESTINATION_ROOTS": tempfile.gettempdir()}, "TOWPATH_DESTINATION_ROOTS: has the whole file system"),
    ({"TOWPATH_DESTINATION_ROOTS": str(Path.home())}, "TOWPATH_DESTINATION_ROOTS: has the whole file system"),
    ({"ANTHROPIC_API_KEY": "offline-stand-in"}, f"ANTHROPIC_API_KEY: {STAND_IN}"),
    ({"TOWPATH_CRM_TOKEN": "stand-in"}, f"TOWPATH_CRM_TOKEN: {STAND_IN}"),
    ({"TOWPATH_PAGERDUTY_KEYS": "real,stand-in-second"}, f"TOWPATH_PAGERDUTY_KEYS: {STAND_IN}"),
    ({"TOWPATH_SECRETS": '{"SHOP": "stand-in"}'}, f"TOWPATH_SECRETS: {STAND_IN}"),
    ({"TOWPATH_PUBLISHING_TOKENS": '{"BLOG": "stand in pass word"}'}, f"TOWPATH_PUBLISHING_TOKENS: {STAND_IN}"),
]
PRIVATE = {"inner": {"hosts": ["inner.example"], "allow_private": True}}
PLAIN = {"plain": {"hosts": ["plain.example"], "allow_http": True}}
TWICE = '{"a": {"hosts": ["a.example"]}, "a": {"hosts": ["b.example"], "description": "the last one would count"}}'


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("TOWPATH_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)


def problems(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], connections: dict[str, Any]) -> list[str]:
    """What is refused of the good settings with others in their place."""
    for name, value in {**GOOD, **given}.items():
        monkeypatch.setenv(name, value)
    Path("connections.json").write_text(json.dumps(connections))
    settings = load_worker_settings()
    known = Connections.load(Path("connections.json"))
    return production_problems(settings, known, dataplane_setup(settings).connections)


def test_good_settings_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link for people may be http: nothing is sent there."""
    assert problems(monkeypatch, {}, {"shop": {"hosts": ["api.shop.example"]}}) == []


@pytest.mark.parametrize(("given", "line"), RULES, ids=[line.partition(": ")[0] for _, line in RULES])
def test_each_rule_alone(given: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, which names the setting, says what is wrong and how to mend it, and holds no value."""
    (found,) = problems(monkeypatch, given, {})

    assert found.startswith(line)
    assert not any(value in found for value in (HTTP, "pass word", "real", "stand-in-second"))


@pytest.mark.parametrize(
    ("connections", "line"),
    [(PRIVATE, "connection 'inner' has allow_private"), (PLAIN, "connection 'plain' has allow_http")],
)
def test_connections(connections: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches this machine and its networks, and what goes in clear, is named."""
    (found,) = problems(monkeypatch, {}, connections)

    assert found.startswith(f"TOWPATH_CONNECTIONS_FILE: {line}")


def test_all_rules_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody mends one to hear of the next."""
    given = {name: value for rule, _ in RULES for name, value in rule.items()}
    found = problems(monkeypatch, given, {**PRIVATE, **PLAIN})

    told = {line.partition(":")[0] for line in found}
    # Without keys encryption cannot be demanded; the line of the keys says both.
    assert told == {*(line.partition(":")[0] for _, line in RULES), "TOWPATH_CONNECTIONS_FILE"} - {"TOWPATH_ENCRYPTION"}
    assert len(found) == len(set(found))


def test_settings_of_the_compose_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker is the local stack's: addresses and keys of every stand-in are named."""
    known: Any = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
    worker = known["services"]["worker"]["environment"]
    given = {
        name: value for name, value in worker.items() if re.match("TOWPATH_|ANTHROPIC_", name) and "${" not in value
    }
    told = {line.partition(":")[0] for line in problems(monkeypatch, {**given, "TOWPATH_DECISION_KEY_FILE": ""}, {})}

    plain = {name for name, value in given.items() if value.startswith("http://")}
    assert plain and plain <= told
    assert {name for name, value in given.items() if re.search("stand[- ]in", value) and "KEY" in name} <= told


def test_names_that_stand_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every profile: of two entries with one name nobody knows which counts, so neither does."""
    Path("twice.json").write_text(TWICE)
    said = "'a' stands more than once in one object: leave one of them out"
    for load, error in ((Connections.load, ConnectionsFileError), (ReviewerDirectory.load, ReviewersFileError)):
        with pytest.raises(error, match=rf"twice\.json: {said}"):
            load(Path("twice.json"))
    with pytest.raises(SetupError, match=said):
        read_connections('{"shop": {"a": {"b": 1}, "a": {"b": 2}}}')
    for name, value in {**GOOD, "TOWPATH_PROFILE": "local", "TOWPATH_SECRETS": '{"a": "1", "a": "2"}'}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^TOWPATH_SECRETS: {said}"):
        load_worker_settings()


def run_worker(given: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """The worker with these settings and no other ones."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "TOWPATH_"))}
    files = {
        "TOWPATH_REVIEWERS_FILE": str(ROOT / "reviewers.json"),
        "TOWPATH_PLATFORMS_FOLDER": str(ROOT / "definitions" / "platforms"),
        "TOWPATH_INCIDENT_FOLDER": str(ROOT / "definitions"),
    }
    line = [sys.executable, str(ROOT / "worker.py"), *options]
    return subprocess.run(
        line, env={**known, **files, **GOOD, **given}, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_worker_takes_good_settings() -> None:
    """`--check` ends with 0 and says nothing, but of an old Python: the shipped connections will do but for one."""
    shipped: dict[str, Any] = json.loads((ROOT / "connections.json").read_text())
    Path("connections.json").write_text(json.dumps({"email-check": shipped["email-check"]}))
    ended = run_worker({}, "--check")

    said = [line for line in ended.stderr.splitlines() if "this Python is too old" not in line]
    assert (ended.returncode, said) == (0, [])


@pytest.mark.parametrize("options", [("--check",), ()], ids=["check", "start"])
def test_the_worker_refuses_all_at_once(options: tuple[str, ...]) -> None:
    """`--check` and a start end with 2 and a line for each problem, in settings and in files."""
    Path("reviewers.json").write_text('{"a": {}, "a": {}}')
    Path("connections.json").write_text(json.dumps(PRIVATE))
    plain = {"TOWPATH_CRM_URL": HTTP, "TOWPATH_SMTP_TLS": "none", "TOWPATH_CUSTOMER_SALT": ""}
    first = run_worker(plain, *options)
    second = run_worker({**plain, "TOWPATH_REVIEWERS_FILE": "reviewers.json"}, *options)

    assert first.returncode == second.returncode == 2
    for name in ("TOWPATH_CRM_URL", "TOWPATH_SMTP_TLS", "TOWPATH_CUSTOMER_SALT"):
        assert f"worker.py: {name}: " in first.stderr and f"worker.py: {name}: " in second.stderr
    for ended in (first, second):
        assert "worker.py: TOWPATH_CONNECTIONS_FILE: connection 'inner' has allow_private" in ended.stderr
    assert "worker.py: reviewers.json: 'a' stands more than once" in second.stderr
