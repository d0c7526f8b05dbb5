"""README's "A process of your own", carried out from its text in a copy of the checkout."""

import asyncio
import re
import shlex
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import House
from tests.readme import README, blocks
from tests.waiting import open_task
from towpath.control import reviews
from towpath.local.processes import Child, spawn
from towpath.local.server import free_port
from towpath.local.skeleton import LONGEST, SkeletonError, check_name, write_process
from towpath.local.stack import ROOT, worker_environment, worker_ready

SECTION = "A process of your own, in ten minutes"
LEFT_OUT = (".venv", ".git", ".towpath", "__pycache__", "histories", "docs", "wheels")
RULES = ("pyproject.toml", "pure.toml", "workflows/ruff.toml", "towpath/contracts/ruff.toml")


def section(folder: Path) -> list[list[str]]:
    """The commands of README's section, block by block."""
    text = README.read_text(encoding="utf-8").partition(f"## {SECTION}\n")[2].partition("\n## ")[0]
    alone = folder / "section.md"
    alone.write_text(text, encoding="utf-8")
    return [[command.bare for command in block.commands] for block in blocks(alone) if block.language == "sh"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which README's first block was carried out."""
    folder = tmp_path_factory.mktemp("clone") / "checkout"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


def sources(checkout: Path) -> dict[Path, str]:
    """Every module of a checkout, with its text."""
    return {path: path.read_text(encoding="utf-8") for path in checkout.rglob("*.py")}


async def run(house: House, checkout: Path, command: str) -> tuple[int, str, str]:
    """A command of README's, as somebody gives it in the checkout."""
    alias, *arguments = shlex.split(command)
    assert alias == "starter", command
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", *arguments),
        cwd=checkout,
        env={**house.environment(), "PATH": "", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, problems = await process.communicate()
    return process.returncode or 0, output.decode(), problems.decode()


async def said(house: House, checkout: Path, command: str) -> str:
    """What a command prints that succeeds."""
    code, output, problems = await run(house, checkout, command)
    assert code == 0, f"{command}: {problems}"
    return output


@asynccontextmanager
async def worker_of(checkout: Path, house: House) -> AsyncGenerator[Child]:
    """The checkout's own worker, ready."""
    env = {**worker_environment(house.server.address, house.standins, free_port()), **house.environment()}
    log = house.folder / "own-worker.log"
    async with spawn("worker", [sys.executable, str(checkout / "worker.py")], env=env, log=log) as worker:
        await worker_ready(worker, house.server.address)
        yield worker


async def test_readme_makes_a_process(bare_house: House, checkout: Path, tmp_path: Path) -> None:
    """What README says makes a process whose run is listed, approved, shown, finished and mended. No file is edited."""
    house, (making, using) = bare_house, section(tmp_path)
    before = sources(checkout)
    for command in making:
        await said(house, checkout, command)
    after = sources(checkout)
    assert 0 < len([path for path in after if path not in before and after[path]]) <= 4
    assert before.items() <= after.items()

    async with worker_of(checkout, house):
        start, listing, approve, status, result, queue = using
        code, _, problems = await run(house, checkout, "starter start refund --input '{\"ref\": 1}'")
        assert code == 2 and "--input: reference: is missing: add it\n" in problems
        assert "--input: ref: is not a known field" in problems
        assert "started refund/r-17" in await said(house, checkout, start)
        await open_task(lambda: reviews.find_review(house.client, "refund/r-17"))
        assert "Refund r-17" in await said(house, checkout, listing)
        assert "approve by dana" in await said(house, checkout, approve)
        told = await said(house, checkout, f"{result} --timeout 30")
        assert "outcome: done" in told and "message_id: " in told
        assert "Do it" in await said(house, checkout, status)
        assert "The queue is empty." in await said(house, checkout, queue)
        posts = (await house.http.get("/_standins/messages")).json()["slack"]
        assert [post["text"] for post in posts if post["channel"] == "#refund"] == ["Refund r-17, approved by dana"]

        await house.fault(service="slack", operation="chat.postMessage", reference="#refund", code="is_archived")
        await said(house, checkout, 'starter start refund --input \'{"reference": "r-18"}\'')
        await open_task(lambda: reviews.find_review(house.client, "refund/r-18"))
        await said(house, checkout, "starter review approve refund/r-18 --as dana")
        code, _, problems = await run(house, checkout, "starter result refund/r-18 --timeout 30")
        assert code == 1 and "queue show refund/r-18" in problems
        assert "refund/r-18" in await said(house, checkout, queue)
        assert "a redrive keeps: review" in await said(house, checkout, "starter queue show refund/r-18")
        await house.lift()
        await said(house, checkout, "starter queue redrive refund/r-18")
        assert "outcome: done" in await said(house, checkout, "starter result refund/r-18 --timeout 30")


@pytest.mark.parametrize("name", ["ab", "refund", "z" * LONGEST])
async def test_the_skeleton_passes_lint(tmp_path: Path, name: str) -> None:
    """Whatever a process is called, its files need no mend."""
    for rule in RULES:
        (tmp_path / rule).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / rule, tmp_path / rule)
    write_process(name, tmp_path)

    for action in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        lint = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ruff", *action, "."), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await lint.communicate()
        assert lint.returncode == 0, told.decode()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Refund", "lower-case"),
        ("re fund", "lower-case"),
        ("../refund", "lower-case"),
        ("2fund", "lower-case"),
        ("a", "1 characters"),
        ("a" * (LONGEST + 1), f"{LONGEST + 1} characters"),
        ("class", "a word of the code"),
        ("kit", "a word of the code"),
        ("customer-onboarding", "a process already, in towpath/contracts/onboarding"),
        ("pipeline", "a process already, in towpath/contracts/pipeline"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, why: str) -> None:
    """A process needs a name that can be a folder, and its own."""
    with pytest.raises(SkeletonError, match=re.escape(why)):
        check_name(name)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A second skeleton of a name is refused with the files that are there, and leaves them alone."""
    path = write_process("refund", tmp_path)[0]
    (tmp_path / path).write_text("mine")

    with pytest.raises(SkeletonError, match="is there already"):
        write_process("refund", tmp_path)
    assert (tmp_path / path).read_text() == "mine"
