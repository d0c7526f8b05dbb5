"""README as its tests read it: headings, and fenced blocks with their language.

A block of `sh` is run, line by line, unless the comment `<!-- not run: WHY -->` stands before it. A line whose comment
holds "exit code N" ends with that, any other one with 0.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from towpath.local.stack import ROOT

README, KOREAN = ROOT / "README.md", ROOT / "README.ko.md"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: .+ -->\n$")
_EXIT_CODE = re.compile(r"\bexit code (\d)\b")
_COMMENT = re.compile(r"(?:^|\s+)(?:#|//) .*$")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """One line as it is typed, its continuations included."""

    text: str
    exit_code: int

    @property
    def bare(self) -> str:
        """Without its comment, which each language has for itself."""
        return "\n".join(_COMMENT.sub("", line) for line in self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str
    is_run: bool

    @property
    def commands(self) -> list[Command]:
        lines = [line for line in re.split(r"(?<!\\)\n", self.text) if line.strip()]
        return [Command(line, _exit_code(line)) for line in lines]


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], is_run=found[1] == "sh" and _NOT_RUN.search(text[: found.start()]) is None)
        for found in _FENCE.finditer(text)
    ]


def headings(document: Path) -> list[tuple[int, str]]:
    """Level and words of each."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return [(len(marks), words) for marks, words in _HEADING.findall(text)]


def _exit_code(line: str) -> int:
    found = _EXIT_CODE.search(line.partition(" # ")[2])
    return int(found[1]) if found else 0
