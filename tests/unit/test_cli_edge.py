"""No mistake of a user ends in a traceback: every command that takes a file meets every file that is none."""

import gc
import os
import re
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

import starter
from towpath.cli.edge.lazy import Command, Lazy, Parts, tree
from towpath.cli.edge.main import carry_out
from towpath.cli.terminal import Exit

ROOT = Path(__file__).resolve().parents[2]
SERVERS = frozenset({"demo", "up"})
"""They take a folder and start servers in it."""
ANY_VALUE: dict[object, str] = {int: "1", float: "1", datetime: "2027-03-28"}
ODD_TEXTS = ["\udcff", "a\0b", "x" * 50_000, "", "../..", "%s{0}", "' OR '1'='1", "👩‍👩‍👧", "-", "--x"]
MOMENTS = [0.15, 0.25, 0.4, 0.6, 0.9]
"""Seconds after the start: while the interpreter starts, while modules load, while the command works or waits."""

SWALLOWS = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except BaseException:
    pass
print("went on")
"""


def leaves(group: TyperGroup, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, however deep it stands."""
    for name, command in group.commands.items():
        loaded: Any = command.loaded if isinstance(command, Lazy) else command
        if isinstance(loaded, TyperGroup):
            yield from leaves(loaded, *path, name)
        else:
            yield (*path, name), loaded


def takes_file(parameter: Any) -> bool:
    told = f"{parameter.metavar or ''} {getattr(parameter, 'help', '') or ''}"
    return (
        "Path" in str(parameter.type_descriptor.annotation) or re.search(r"\bfile\b", told, re.IGNORECASE) is not None
    )


def given(parameter: Any, value: str) -> list[str]:
    """A value for a parameter, as it stands on a command line."""
    return [parameter.opts[0], value] if parameter.opts[0].startswith("-") else [value]


def argument_lists(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, list[str]]]:
    """For each parameter that takes a file, the command with everything else that it needs; `{}` is the file."""
    for aimed in command.params:
        if getattr(aimed, "is_flag", False) or not takes_file(aimed):
            continue
        others = [one for one in command.params if one.required and one is not aimed]
        rest = [text for one in others for text in given(one, ANY_VALUE.get(one.type_descriptor.annotation, "x"))]
        yield f"{' '.join(words)} {aimed.name}", [*words, *rest, *given(aimed, "{}")]


LEAVES = dict(leaves(starter.commands))
CASES = [
    case for words, command in LEAVES.items() if words[0] not in SERVERS for case in argument_lists(words, command)
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Names of what is no file that a command could use."""
    folder = tmp_path_factory.mktemp("files")
    contents = {
        "binary.yaml": bytes(range(256)) * 20,
        "latin.json": '{"a": "é"}'.encode("latin-1"),
        "utf16.yaml": "a: b".encode("utf-16"),
        "nul.json": b'{"a": "\0"}',
        "lone.json": b'{"customer": {"company": "\\ud800"}, "id": "\\udfff", "type": "\\udfff"}',
        "deep.json": b"[" * 100_000,
        "open.yaml": b"a: [",
        "number.json": b"1e999999",
        "empty.yaml": b"",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.yaml").mkdir()
    closed = folder / "closed.yaml"
    closed.write_bytes(b"a: b")
    closed.chmod(0)
    (folder / "circle.yaml").symlink_to("circle.yaml")
    made = {path.name: str(path) for path in folder.iterdir()}
    return made | {
        "missing": str(folder / "missing.yaml"),
        "below a file": str(folder / "empty.yaml" / "x.yaml"),
        "unreadable": "/proc/self/mem",
        "endless": "/dev/zero",
        "long": "x" * 5_000 + ".yaml",
        "nul": "a\0b.yaml",
        "surrogate": "a\udcff.yaml",
        "nothing": "",
        "option": "--",
    }


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Temporal, and no word of it that would take time; what is written goes into a folder of the test."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", " ")
    for name in ("definitions", "connections.json", "reviewers.json"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def test_commands_that_take_files_are_found() -> None:
    """The table below is made of the command tree."""
    assert {"definition check files", "run given", "onboarding file", "publishing start metadata"} <= dict(CASES).keys()


@pytest.mark.parametrize("arguments", [pytest.param(arguments, id=name) for name, arguments in CASES])
def test_a_file_that_is_none_is_said(
    arguments: list[str], files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a path leads to, the command ends by a documented code and lines for people, never by a defect."""
    for name, path in files.items():
        code = carry_out(starter.commands, [path if text == "{}" else text for text in arguments])
        told = "".join(capsys.readouterr())

        assert code != Exit.DEFECT, f"{name}: {told}"
        assert code in set(Exit), name
        assert code == 0 or told or name == "option", name
        assert "Traceback" not in told, name


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=" ".join(words)) for words in LEAVES if words[0] not in SERVERS]
)
def test_odd_texts_are_said(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The same for a text in place of each argument and option that a command needs."""
    required = [one for one in LEAVES[words].params if one.required]
    for text in ODD_TEXTS:
        code = carry_out(starter.commands, [*words, *(part for one in required for part in given(one, text))])
        told = capsys.readouterr().err

        assert code in set(Exit) - {Exit.DEFECT}, told
        assert "Traceback" not in told


def test_a_defect_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody thought of is told in one line with where the details are; --debug shows them at once."""
    (tmp_path / "broken.py").write_text(
        'def register(app):\n    @app.command("broken")\n    def broken() -> None: 1 / 0\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    commands = tree(Parts("Test.", {"broken": Command("broken", "")}))
    quiet = carry_out(commands, ["broken"])
    told = capsys.readouterr().err
    loud = carry_out(commands, ["--debug", "broken"])
    shown = capsys.readouterr().err
    details = re.search(r"Details: (\S+);", told)

    assert (quiet, loud) == (Exit.DEFECT, Exit.DEFECT)
    assert told.count("\n") == 1
    assert "ZeroDivisionError" in told
    assert details and "Traceback" in Path(details[1]).read_text()
    assert "Traceback" in shown
    assert Path(details[1]).stat().st_mode & 0o077 == 0
    Path(details[1]).unlink()


def begun(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "starter.py"), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    "arguments", [["definition", "check", "-"], ["status", "x", "--watch"]], ids=["reads-stdin", "asks-temporal"]
)
@pytest.mark.parametrize("seconds", MOMENTS)
def test_ctrl_c_at_any_moment(arguments: list[str], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends by 130 with one line, whatever it was doing. Before it begins, the interpreter speaks."""
    silent = socket.create_server(("127.0.0.1", 0))  # connections wait there, and nobody answers
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{silent.getsockname()[1]}")
    with silent, begun(*arguments) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read().decode()

    if re.search(r'starter.py", line [1-9]|towpath/', told) or "Traceback" not in told:
        assert "Traceback" not in told
        assert process.returncode in {Exit.INTERRUPTED, -signal.SIGINT}, told
        assert told in {"", "Interrupted. Runs in Temporal go on.\n"}


def test_ctrl_c_before_a_coroutine_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that made its coroutine, and did not come to await it, tells nothing of that."""
    (tmp_path / "early.py").write_text(
        "async def work() -> None: ...\n"
        "def interrupted(coroutine): raise KeyboardInterrupt\n"
        'def register(app):\n    @app.command("early")\n    def early() -> None: interrupted(work())\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    commands = tree(Parts("Test.", {"early": Command("early", "")}))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        code = carry_out(commands, ["early"])
        gc.collect()

    assert code == Exit.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted. Runs in Temporal go on.\n"
    assert warned == []


def test_ctrl_c_while_modules_load(tmp_path: Path) -> None:
    """A module that is being loaded when Ctrl-C comes can neither swallow it nor show a traceback."""
    (tmp_path / "typer.py").write_text(SWALLOWS)
    ended = subprocess.run(
        [sys.executable, str(ROOT / "starter.py"), "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


WRAPPED = """
def stop():
    raise KeyboardInterrupt

def wrap():
    try:
        stop()
    except KeyboardInterrupt as error:
        raise RuntimeError("Error calling __set_name__") from error

def hide():
    try:
        wrap()
    except RuntimeError:
        raise ValueError("nothing else is said") from None

def register(app):
    for does in (stop, wrap, hide):
        app.command(does.__name__)(does)
"""


@pytest.mark.parametrize("name", ["stop", "wrap", "hide"])
def test_ctrl_c_that_others_wrapped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python and libraries raise errors of their own for what comes while they call: it is Ctrl-C all the same."""
    (tmp_path / "wrapping.py").write_text(WRAPPED)
    monkeypatch.syspath_prepend(tmp_path)
    commands = tree(Parts("Test.", {name: Command("wrapping", "")}))

    assert carry_out(commands, [name]) == Exit.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted. Runs in Temporal go on.\n"


def test_nobody_reads() -> None:
    """A reader that has gone is no failure to tell of."""
    read, write = os.pipe()
    os.close(read)
    with begun("definition", "schema", stdout=write) as process:
        os.close(write)
        _, told = process.communicate()

    assert told == b""
    assert process.returncode == Exit.UNREAD


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TEMPORAL_PROFILE", "nobody", "Profile 'nobody' not found"),
        ("TEMPORAL_CONFIG_FILE", "/", "Is a directory"),
        ("TEMPORAL_ADDRESS", " ", "empty host"),
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "/missing.pem", "missing.pem"),
        ("TOWPATH_LOG_LEVEL", "loud", "TOWPATH_LOG_LEVEL"),
        ("TOWPATH_ENCRYPTION_KEYS", "short", "TOWPATH_ENCRYPTION_KEYS"),
        ("TOWPATH_CONNECTIONS_FILE", "/", "/"),
        ("TOWPATH_REVIEWERS_FILE", "nul\udcff", "cannot be read"),
    ],
)
def test_a_bad_environment_is_named(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that cannot be used ends the command by 2, with the setting or what it names."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv(name, value)
    arguments = ["definition", "check", str(ROOT / "definitions/order-saga.yaml")]
    code = carry_out(starter.commands, arguments if name.endswith("_FILE") and "TOWPATH" in name else ["status", "x"])

    assert code == Exit.WRONG_INPUT
    assert said in capsys.readouterr().err
