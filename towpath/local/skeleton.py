"""The files of a new process, filled from `towpath/skeleton` and written into a checkout."""

import keyword
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template

from towpath.children import child_environment
from towpath.local.processes import ROOT
from towpath.registry import processes

SKELETON = ROOT / "towpath" / "skeleton"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SHORTEST, LONGEST = 2, 30
TAKEN = frozenset({"core", "kit"})
"""Folders of the rooms that belong to no process."""


class SkeletonError(Exception):
    """Nothing was written. The text says why, a line each."""


def write_process(name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new process; those that say something, by their paths. Raises SkeletonError."""
    check_name(name)
    files = skeleton(name)
    there = [str(path) for path in files if (root / path).exists()]
    if there:
        raise SkeletonError("\n".join(f"{path}: is there already" for path in there))
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    written = [path for path, text in files.items() if text]
    _format(written, root)
    return written


def check_name(name: str) -> None:
    """Raises SkeletonError with the reason why no process can be called so."""
    folder = name.replace("-", "_")
    if NAME.fullmatch(name) is None:
        raise SkeletonError(
            f"{name!r}: write it in lower-case letters, digits and single hyphens, the first a letter, as in refund"
        )
    if not SHORTEST <= len(name) <= LONGEST:
        raise SkeletonError(f"{name}: has {len(name)} characters; a name has {SHORTEST} to {LONGEST}")
    if keyword.iskeyword(folder) or folder in TAKEN:
        raise SkeletonError(f"{name}: is a word of the code already; take another one")
    for process in processes().values():
        if name in {process.name, process.folder}:
            raise SkeletonError(f"{name}: is a process already, in towpath/contracts/{process.folder}")


def skeleton(name: str) -> Mapping[Path, str]:
    """What the files hold, by their paths in the checkout."""
    folder = name.replace("-", "_")
    names = {
        "name": name,
        "folder": folder,
        "constant": folder.upper(),
        "kind": "".join(word.capitalize() for word in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
    }
    return {
        Path(f"towpath/contracts/{folder}/__init__.py"): "",
        Path(f"towpath/contracts/{folder}/process.py"): _filled("contracts", names),
        Path(f"workflows/{folder}/__init__.py"): "",
        Path(f"workflows/{folder}/workflow.py"): _filled("workflow", names),
        Path(f"activities/{folder}.py"): _filled("activities", names),
    }


def _filled(part: str, names: Mapping[str, str]) -> str:
    return Template((SKELETON / f"{part}.txt").read_text(encoding="utf-8")).substitute(names)


def _format(written: list[Path], root: Path) -> None:
    """The order of imports and the breaks of lines depend on the name. Where ruff is not, nobody checks them."""
    if find_spec("ruff") is None:
        return
    for action in (("check", "--fix", "--select", "I"), ("format",)):
        line = [sys.executable, "-m", "ruff", *action, "--quiet", "--no-cache", *map(str, written)]
        subprocess.run(line, cwd=root, check=True, env=child_environment({}))
