"""Settings and data files that cannot be used: one line for each, with its place, and never with its value."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_origin

import pytest

from towpath.config.connections import Connections, ConnectionsFileError
from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.config.settings import (
    ClientSettings,
    SettingsError,
    WorkerSettings,
    load_client_settings,
    load_worker_settings,
)
from towpath.dataplane.core.setup import SetupError, read_connections

VALUE = "sk-hush"
JSON_FIELDS = sorted(
    name for name, field in WorkerSettings.model_fields.items() if get_origin(field.annotation) is dict
)
READERS = [
    *(pytest.param(load_worker_settings, name, id=f"worker-{name}") for name in JSON_FIELDS),
    *(
        pytest.param(load_client_settings, name, id=f"starter-{name}")
        for name in JSON_FIELDS
        if name in ClientSettings.model_fields
    ),
]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are given: without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(load: Callable[[], Any], name: str) -> list[str]:
    """What is said of a setting."""
    with pytest.raises(SettingsError) as refused:
        load()
    assert VALUE not in str(refused.value)
    return [line for line in str(refused.value).splitlines() if line.startswith(f"{name}: ")]


@pytest.mark.parametrize(("load", "field"), READERS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (f'{{"a": "{VALUE}"', "is not JSON: Expecting ',' delimiter at line 1, column "),
        (VALUE, "is not JSON: Expecting value at line 1, column 1"),
        (f'{{"a":\n  "{VALUE}\n"}}', "is not JSON: Invalid control character at at line 2, column "),
        (f'["{VALUE}"]', "must be an object: write {…}"),
        (f'{{"a": ["{VALUE}"]}}', "a: must be a"),
        ("[" * 100_000, "is not JSON that can be used: it is nested too deeply"),
    ],
    ids=["not-closed", "no-json", "broken-string", "list", "wrong-type", "deep"],
)
def test_broken_json_in_a_setting_is_one_line(
    load: Callable[[], Any], field: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting that is JSON says where it is broken and what it should hold; what it holds is not repeated."""
    name = f"TOWPATH_{field.upper()}"
    monkeypatch.setenv(name, value)
    found = lines(load, name)

    assert len(found) == 1 and found[0].startswith(f"{name}: {said}")
    assert str(WorkerSettings.model_fields[field].description) in found[0]


def test_every_broken_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever mends them does not have to start the worker for each."""
    for field in JSON_FIELDS:
        monkeypatch.setenv(f"TOWPATH_{field.upper()}", "{")

    assert [len(lines(load_worker_settings, f"TOWPATH_{field.upper()}")) for field in JSON_FIELDS] == [1] * 10


def test_env_file_of_another_encoding_is_said(empty_folder: Path) -> None:
    """A file that is not UTF-8 is named, with the place of what is not."""
    (empty_folder / ".env").write_bytes("TOWPATH_MAIL_FROM=Jörg".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^\.env: is not UTF-8 at byte 19"):
        load_client_settings()


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe{}", b'{"a": "sk-hush"', b"[" * 100_000])
def test_a_broken_file_is_one_line(content: bytes, empty_folder: Path) -> None:
    """The files of connections and reviewers say which of them is broken, and where."""
    path = empty_folder / "file.json"
    path.write_bytes(content)
    with pytest.raises(ConnectionsFileError, match=r"file\.json: is not JSON at line 1, column") as hosts:
        Connections.load(path)
    with pytest.raises(ReviewersFileError, match=r"file\.json: is not JSON at line 1, column") as people:
        ReviewerDirectory.load(path)

    for said in (str(hosts.value), str(people.value)):
        assert "\n" not in said and VALUE not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{{"a": "{VALUE}"', "is not JSON at line 1, column .*: it ends too early"),
        (f'["{VALUE}"]', "must be an object: write {…}; needs a JSON object of connections by name"),
        (f'{{"a": {{"type": "http", "base_url": ["{VALUE}"]}}}}', "a.http.base_url: must be a text"),
    ],
)
def test_connections_of_pipelines_say_their_place(text: str, said: str) -> None:
    """They hold passwords: none of it is repeated."""
    with pytest.raises(SetupError, match=said) as refused:
        read_connections(text)

    assert VALUE not in str(refused.value)


KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"TOWPATH_ENCRYPTION": "require"}, "needs TOWPATH_ENCRYPTION_KEYS", id="no-keys"),
        pytest.param({"TOWPATH_ENCRYPTION_KEYS": f"k1:{KEYS[0]},k1:{KEYS[1]}"}, "two keys are called 'k1'", id="twice"),
        pytest.param({"TOWPATH_ENCRYPTION_KEYS": f"k/1:{KEYS[0]}"}, "an id is 1 to 64 letters", id="id"),
        pytest.param({"TOWPATH_ENCRYPTION_KEYS": f"k1:{KEYS[0][:20]}"}, "32 bytes in base64", id="short"),
        pytest.param({"TOWPATH_ENCRYPTION_KEYS": f"k1:{KEYS[0]},"}, "each must be id:key", id="empty"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(
    given: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the mend, and no key in it; the order of good ones says which encrypts."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said) as refused:
        load_client_settings().keys()
    assert not any(key[:12] in str(refused.value) for key in KEYS)
    monkeypatch.delenv("TOWPATH_ENCRYPTION", raising=False)
    monkeypatch.setenv("TOWPATH_ENCRYPTION_KEYS", f"k2:{KEYS[1]}, k1:{KEYS[0]}")
    assert list(load_client_settings().keys()) == ["k2", "k1"]
