"""The connections file: what it may say, what each mistake is called, and which entry a host finds."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.guarded_http.loopback import connection, connections
from towpath.config.connections import Connections, ConnectionsFileError, url_problems
from towpath.contracts.declared.references import SecretName

ROOT = Path(__file__).resolve().parents[3]


def written(path: Path, content: object) -> Path:
    file = path / "connections.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_the_example_is_usable() -> None:
    """The file at the root loads, and opens the e-mail check and this machine's stand-ins, nothing more."""
    loaded = Connections.load(ROOT / "connections.json")

    assert url_problems("https://api.emailverify.com/v1/check", loaded) == []
    assert url_problems("http://127.0.0.1:8080/accounts", loaded) == []
    assert url_problems("http://localhost:8080/accounts", loaded, "local-stand-ins") == []
    assert url_problems("https://127.0.0.2/", loaded) != []
    assert url_problems("http://api.emailverify.com/", loaded) != []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        pytest.param({"hosts": []}, "crm.hosts: must not be empty", id="no-hosts"),
        pytest.param({}, "crm.hosts: is missing: add it", id="missing"),
        pytest.param(
            {"hosts": ["a.example"], "host": 1}, "crm.host: is not a known field: did you mean 'hosts'?", id="unknown"
        ),
        pytest.param({"hosts": ["*"]}, "crm.hosts.0: '*' is not a host name", id="every-host"),
        pytest.param({"hosts": ["*.com"]}, "crm.hosts.0: '*.com' is not", id="top-level"),
        pytest.param({"hosts": ["a.*.com"]}, "crm.hosts.0: 'a.*.com' is not", id="inner-wildcard"),
        pytest.param({"hosts": ["https://a.example"]}, "crm.hosts.0: 'https://a.example' is not", id="url"),
        pytest.param({"hosts": ["a.example:443"]}, "crm.hosts.0: 'a.example:443' is not", id="port-in-host"),
        pytest.param({"hosts": ["0x7f.1"]}, "crm.hosts.0: '0x7f.1' is not", id="odd-address"),
        pytest.param({"hosts": ["*.0.0.1"]}, "crm.hosts.0: '*.0.0.1' is not", id="wildcard-address"),
        pytest.param({"hosts": ["10.0.0.1"]}, "crm: host 10.0.0.1 is an address, which needs allow_private", id="ip"),
        pytest.param({"hosts": ["a.example"], "ports": [0]}, "crm.ports.0: must be at least 1", id="port"),
        pytest.param({"hosts": ["a.example"], "limits": {"rps": 0}}, "crm.limits.rps: must be above 0", id="no-rate"),
        pytest.param(
            {"hosts": ["a.example"], "limits": {"concurrent": 0.5}},
            "crm.limits.concurrent: must be a whole number",
            id="half-a-call",
        ),
        pytest.param(
            {"hosts": ["a.example"], "limits": {"rsp": 5}},
            "crm.limits.rsp: is not a known field: did you mean 'rps'?",
            id="unknown-limit",
        ),
        pytest.param(
            {"hosts": ["a.example"], "limits": {"key": "{{ inputs.customer }}"}},
            "crm.limits: key stands in the definition, as limits: {key: …} of the step",
            id="key",
        ),
        pytest.param(
            {"hosts": ["a.example"], "limits": {"tokens_per_min": 5}},
            "crm.limits: tokens_per_min are known of Claude only: set TOWPATH_CLAUDE_TOKENS_PER_MINUTE",
            id="tokens",
        ),
        pytest.param(
            {"hosts": ["a.example"], "base_url": "https://b.example"},
            "crm: base_url: connection 'crm' does not allow the host b.example",
            id="base-url",
        ),
        pytest.param({"hosts": ["a.example"], "base_url": "/v1"}, "crm: base_url: not an absolute URL", id="base-path"),
        pytest.param(
            {"hosts": ["a.example"], "headers": {"Host": "b"}}, "'Host' cannot be set as a header", id="reserved"
        ),
        pytest.param({"hosts": ["a.example"], "headers": {"A b": "c"}}, "'A b' cannot be set", id="header-name"),
        pytest.param({"hosts": ["a.example"], "headers": {"X": 5}}, "must be a text, {'$secret': …}", id="header"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, entry: dict[str, Any], problem: str) -> None:
    """A mistake is one line with the file and the place."""
    with pytest.raises(ConnectionsFileError) as caught:
        Connections.load(written(tmp_path, {"crm": entry, "good": {"hosts": ["good.example"]}}))

    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{tmp_path / 'connections.json'}: crm")
    assert problem in lines[0]


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    """Several entries with mistakes are told at once."""
    bad = {"hosts": ["10.0.0.1"]}

    with pytest.raises(ConnectionsFileError) as caught:
        Connections.load(written(tmp_path, {"one": bad, "two": bad}))

    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[]", r"c\.json: must be an object: write \{…\}$"),
        (b"{", r"c\.json: is not JSON at line 1, column 1: it ends too early"),
        (b'{"A b": {"hosts": ["a.example"]}}', r"c\.json: A b: is no name of a connection: use small letters"),
    ],
)
def test_what_is_no_connections_file(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file of another shape is refused."""
    (tmp_path / "c.json").write_bytes(content)

    with pytest.raises(ConnectionsFileError, match=problem):
        Connections.load(tmp_path / "c.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(ConnectionsFileError, match=r"none\.json: cannot be read \(No such file or directory\)"):
        Connections.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.example.com", "exact"),
        ("x.api.example.com", "near"),
        ("x.example.com", "far"),
        ("example.com", None),
        ("evilexample.com", None),
        ("example.com.evil.example", None),
        ("xn--bcher-kva.example", "books"),
    ],
)
def test_the_closest_entry_is_found(host: str, name: str | None) -> None:
    """An exact name comes before a wildcard, a longer wildcard before a shorter one; a wildcard is not its own base."""
    known = connections(
        connection("far", hosts=["*.example.com"]),
        connection("near", hosts=["*.API.example.com"]),
        connection("exact", hosts=["API.example.com"]),
        connection("again", hosts=["api.example.com"]),
        connection("books", hosts=["bücher.example"]),
    )
    found = known.find(host)

    assert (None if found is None else found.name) == name


@pytest.mark.parametrize(
    ("entry", "ports"),
    [({}, {443}), ({"allow_http": True}, {80, 443}), ({"ports": [8443]}, {8443})],
)
def test_open_ports(entry: dict[str, Any], ports: set[int]) -> None:
    """Ports are those of the allowed schemes, unless the file names them."""
    assert connection("a", hosts=["a.example"], **entry).open_ports() == ports
    assert len(connection("a", hosts=["a.example"], allow_private=True).open_ports()) == 65535


def test_headers_of_a_file(tmp_path: Path) -> None:
    """A text, a secret, and texts with a secret among them."""
    headers = {"X-Plain": "a", "X-Key": {"$secret": "KEY"}, "Authorization": {"$text": ["Bearer ", {"$secret": "KEY"}]}}
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"own": {"hosts": ["a.example"], "headers": headers}}))

    found = Connections.load(file).named("own")

    secret = SecretName(secret="KEY")
    assert found is not None
    assert found.headers == {"x-plain": ("a",), "x-key": (secret,), "authorization": ("Bearer ", secret)}
