"""Hostile definitions: seconds and megabytes until each ends in diagnostics, one process each."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.measure import peak_rss_mb
from towpath.engine.checks.check import check_text
from towpath.engine.expression.template import compile_template, render_text
from towpath.engine.expression.values import ExpressionError, Scope
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.local.stack import ROOT

HEAD = 'id: "a"\nversion: "1.0.0"\nsteps:\n'
EXPRESSION = "  - {id: s, type: set, config: {a: "
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class HostileRow:
    """`added_mb` is what checking added to the process; `code` is the first diagnostic.

    An expression in which checking finds nothing is evaluated as well, and `code` is what that ended in.
    """

    title: str
    size_bytes: int
    seconds: float
    added_mb: float
    code: str


def _expression(text: str) -> str:
    return HEAD + EXPRESSION + json.dumps("{{ " + text + " }}") + "}}\n"


def _steps(count: int, needs: int) -> str:
    lines = (
        f"  - {{id: s{n}, type: set, needs: [{', '.join(f's{m}' for m in range(max(0, n - needs), n))}]}}\n"
        for n in range(count)
    )
    return HEAD + "".join(lines)


def _alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)


TEXTS: Mapping[str, Callable[[], str]] = {
    "10 MB, a list": lambda: "steps:\n" + "- x\n" * (10 * MEGABYTE // 4),
    "10 MB, one scalar": lambda: f"id: {'x' * 10 * MEGABYTE}",
    "10 MB, keys": lambda: "".join(f"k{number}: 1\n" for number in range(MEGABYTE)),
    "10 MB, one line of brackets": lambda: "[" * 10 * MEGABYTE,
    "10 MB, quotes": lambda: "a: '" + "''" * 5 * MEGABYTE,
    "10 MB, comments": lambda: "# x\n" * (10 * MEGABYTE // 4),
    "alias bomb": _alias_bomb,
    "alias of itself": lambda: "a: &a [*a]",
    "depth bomb, flow": lambda: "a: " + "[" * 50_000 + "]" * 50_000,
    "depth bomb, blocks": lambda: "\n".join(" " * depth + "a:" for depth in range(1_500)),
    "4,000 steps that need 200 before them": lambda: _steps(4_000, 200),
    "1 MB, a list": lambda: "steps:\n" + "- x\n" * (MEGABYTE // 4 - 10),
    "1 MB, one scalar": lambda: f"id: {'x' * (MEGABYTE - 10)}",
    "1 MB, keys": lambda: "".join(f"k{number}: 1\n" for number in range(MEGABYTE // 11)),
    "1 MB, brackets": lambda: "[" * (MEGABYTE - 10),
    "1 MB, quotes": lambda: "a: '" + "''" * (MEGABYTE // 2 - 10),
    "1 MB, comments": lambda: "# x\n" * (MEGABYTE // 4 - 10),
    "1 MB, steps without an id": lambda: HEAD + "  - {}\n" * 45_000,
    "1,000 steps that need 100 before them": lambda: _steps(1_000, 100),
    "1,000 steps in a circle": lambda: _steps(1_000, 1).replace(
        "id: s0, type: set, needs: []", "id: s0, type: set, needs: [s999]"
    ),
    "expression, parentheses": lambda: _expression("(" * 1_900 + "1" + ")" * 1_900),
    "expression, signs": lambda: _expression("-" * 3_900 + "1"),
    "expression, a chain": lambda: _expression("a" + ".b" * 1_900),
    "expression, nested maps": lambda: _expression("map(" * 300 + "[1]" + ", x, x)" * 300),
    "expression, powers of loops": lambda: _expression(
        "size(map(range(100000), a, size(map(range(100000), b, size(map(range(100000), c, c))))))"
    ),
    "expression, a growing text": lambda: _expression("replace(" * 60 + "'aaaa'" + ", 'a', 'aaaaaaaaaa')" * 60),
    "expression, nested conditions": lambda: _expression("(true ? 1 : " * 300 + "1" + ")" * 300),
    "expression, nested defaults": lambda: _expression("(steps.x ?? " * 300 + "1" + ")" * 300),
    "expression, shallow conditions": lambda: _expression("(true ? 1 : " * 50 + "1" + ")" * 50),
    "expression, a number": lambda: _expression("9" * 3_900),
    "expression, a text without end": lambda: _expression("'" + "x" * 3_900),
}


def hostile_rows() -> list[HostileRow]:
    rows: list[HostileRow] = []
    for title in TEXTS:
        line = [sys.executable, "-m", "bench.hostile", title]
        told = subprocess.run(line, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout
        rows.append(HostileRow(**json.loads(told)))
    return rows


def _measure(title: str) -> HostileRow:
    text = TEXTS[title]().encode()
    before = peak_rss_mb(os.getpid())
    begun = time.perf_counter()
    code = _outcome(text)
    seconds = time.perf_counter() - begun
    added = peak_rss_mb(os.getpid()) - before
    return HostileRow(title, len(text), seconds, added, code)


def _outcome(text: bytes) -> str:
    checked = check_text(text, DefinitionCatalogue())
    if checked.diagnostics:
        return checked.diagnostics[0].code
    _, mark, written = text.decode().partition(EXPRESSION)
    if not mark:
        return "good"
    try:
        render_text(compile_template(json.loads(written.removesuffix("}}\n"))), Scope({}))
    except ExpressionError as error:
        return f"evaluated: {error.code}"
    return "evaluated: good"


if __name__ == "__main__":
    found = _measure(sys.argv[1])
    sys.stdout.write(json.dumps({name: getattr(found, name) for name in HostileRow.__slots__}))
