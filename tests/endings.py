"""The endings of domains, written down from the Public Suffix List: `python -m tests.endings --write`.

The package `publicsuffixlist` brings the list; when its lock moves, a test asks for this once more.
"""

import sys
import textwrap
from pathlib import Path

import publicsuffixlist

MODULE = Path(__file__).resolve().parents[1] / "towpath/policy/core/endings.py"
BEGIN, END = '_DELEGATED = """\n', '"""\n'


def delegated() -> list[str]:
    """Every ending that the root of the domain name system holds, sorted."""
    rules = Path(publicsuffixlist.PSLFILE).read_text(encoding="utf-8").partition("// ===END ICANN DOMAINS===")[0]
    lines = (line.strip() for line in rules.splitlines())
    return sorted({line.rpartition(".")[2] for line in lines if line and not line.startswith("//")})


def written(module: str) -> str:
    """The module with the list of today."""
    before, _, rest = module.partition(BEGIN)
    return before + BEGIN + "\n".join(_lines(delegated())) + "\n" + END + rest.partition(END)[2]


def _lines(endings: list[str]) -> list[str]:
    """Wrapped to what the linter calls 120 wide, where a letter of an East Asian script counts twice."""
    latin = [ending for ending in endings if ending.isascii()]
    others = [ending for ending in endings if not ending.isascii()]
    return [
        line
        for words, width in ((latin, 118), (others, 59))
        for line in textwrap.wrap(" ".join(words), width, break_on_hyphens=False, break_long_words=False)
    ]


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    MODULE.write_text(written(MODULE.read_text(encoding="utf-8")), encoding="utf-8")
