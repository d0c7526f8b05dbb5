"""Our own log lines: each says a constant text, and beside it only what is listed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from towpath.observability import FIELDS

ROOT = Path(__file__).resolve().parents[2]
LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
LOGGERS = re.compile(r"(^|\.)(log|logger|_log|_logger|LOG|LOGGER)$")
TELLABLE = re.compile(r"(\w+\.)*(code|status\.name)|failure\.message|type\(\w+\)\.__name__")
"""What may be put into a text: codes, names of types, and the messages of our own failures."""


def lines(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in LEVELS and LOGGERS.search(ast.unparse(node.func.value)):
            yield node


def problems(call: ast.Call) -> Iterator[str]:
    text, *values = call.args
    if not (isinstance(text, ast.Constant) or (isinstance(text, ast.Name) and text.id.isupper())):
        yield f"its text is computed: {ast.unparse(text)}"
    yield from (f"it tells {given}" for given in map(ast.unparse, values) if not TELLABLE.fullmatch(given))
    for keyword in call.keywords:
        names: list[str | None] = [keyword.arg]
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            names = [None if key is None else ast.literal_eval(key) for key in keyword.value.keys]
        yield from (f"its field {name} is not listed" for name in names if name not in FIELDS)


def told(source: str) -> list[str]:
    return [problem for call in lines(ast.parse(source)) for problem in problems(call)]


def test_lines_hold_what_is_listed() -> None:
    """No line of ours can hold data of a run: neither in its text nor in a field."""
    files = [ROOT / "worker.py", ROOT / "starter.py"]
    for room in ("activities", "towpath", "workflows"):
        files.extend((ROOT / room).rglob("*.py"))
    found = {str(file.relative_to(ROOT)): told(file.read_text(encoding="utf-8")) for file in files}

    assert {name: problems for name, problems in found.items() if problems} == {}


def test_the_rule_finds_what_it_is_for() -> None:
    """A text with data in it, a value that is none of the listed ones, and a field of any other name are found."""
    assert told("log.debug(f'sent {body}')") == ["its text is computed: f'sent {body}'"]
    assert told("activity.logger.info('sent %s', request)") == ["it tells request"]
    assert told("log.info('sent', customer=name)") == ["its field customer is not listed"]
    assert told("workflow.logger.warning('a', extra={'body': 1, 'step': 2})") == ["its field body is not listed"]
    assert told("workflow.logger.warning('failed: %s', error.failure.code, extra={'step': step})") == []
