"""Where decisions are signed: who may decide and change runs from a terminal, and what a redrive asks people again."""

import json
import secrets
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.integration.test_worker_process import run_worker
from tests.waiting import until
from towpath.config.python import python_problem
from towpath.control import reviews
from towpath.local.server import free_port
from towpath.local.stack import worker_environment

KEY = secrets.token_urlsafe(32)
ORDER = """
id: "%s"
version: "1.0.0"
steps:
  - {id: "approve", type: "human-task", config: {assignee: "compliance-team", deadline: "9d"}}
  - {id: "charge", type: "set", config: {paid: "{{ true }}"}}
"""


def door(person: str | None = None, key: str | None = KEY) -> dict[str, str]:
    own = {} if key is None else {"TOWPATH_DECISION_KEY": key}
    return own if person is None else {**own, "TOWPATH_PERSON": person}


async def test_a_terminal_decides_in_its_own_name(bare_house: House, tmp_path: Path) -> None:
    """Without the key, with another one, and in another name nothing is decided; the person of the settings decides."""
    file = tmp_path / "order.yaml"
    name = f"order-{uuid4().hex[:8]}"
    file.write_text(ORDER % name)
    async with bare_house.worker(env=door()):
        code, output, problems = await starter(bare_house, "run", str(file), "--key", "one", "--json", env=door("kim"))
        assert code == 0, problems
        run = json.loads(output)["workflow_id"]
        await until(lambda: reviews.find_review(bare_house.client, run), lambda task: task is not None)
        tried = {
            "no key": (("--as", "dana"), door(key=None)),
            "another key": (("--as", "dana"), door("dana", secrets.token_urlsafe(32))),
            "nobody": (("--as", "dana"), door()),
            "another name": (("--as", "dana"), door("kim")),
            "no role": ((), door("noah")),
            "stranger": ((), door("kim")),
        }
        said = {
            why: (await starter(bare_house, "review", "approve", run, *words, "--reason", "x", env=env))[2]
            for why, (words, env) in tried.items()
        }
        skipped = await starter(bare_house, "skip", run, "approve", "--reason", "x", "--as", "dana", env=door(key=None))
        assert "not signed" in said["no key"] and "not signed" in skipped[2]
        assert "does not hold" in said["another key"]
        assert "TOWPATH_PERSON" in said["nobody"] and "in the name of kim" in said["another name"]
        assert "none of the roles" in said["no role"] and "not a reviewer" in said["stranger"]
        done = await starter(bare_house, "review", "approve", run, "--reason", "seen", env=door("dana"))
        assert done[0] == 0, done[2]
        code, output, problems = await starter(bare_house, "runs", "result", run, "--json", env=door("dana"))
        assert json.loads(output)["outputs"]["approve"]["by"] == "dana", problems


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({}, 2, "TOWPATH_DECISION_KEY: is missing, and Temporal is at temporal.example:7233"),
        ({"TOWPATH_UNSIGNED_DECISIONS": "true"}, 0, "whoever reaches Temporal decides as anybody"),
        ({"TOWPATH_DECISION_KEY": "short"}, 2, "at least 32 characters"),
        ({"TOWPATH_DECISION_KEY_FILE": "/nowhere/key"}, 2, "/nowhere/key cannot be read"),
        ({"TOWPATH_DECISION_KEY": KEY}, 0, ""),
    ],
)
async def test_a_worker_away_from_temporal_wants_a_key(
    house: House, more: dict[str, str], code: int, words: str
) -> None:
    """Off by default only where Temporal is on the same machine, and said there, too."""
    env = worker_environment("temporal.example:7233", house.standins, free_port())
    env |= {"TOWPATH_LOG_LEVEL": "warning", "TOWPATH_OLDER_PYTHON": "true"}
    found, problems = await run_worker({**env, **more}, "--check")
    assert found == code and words in problems


async def test_a_worker_away_from_temporal_wants_a_python_with_its_fixes(house: House) -> None:
    """One line and exit code 2, or a warning where its distribution has put them in."""
    env = worker_environment("temporal.example:7233", house.standins, free_port())
    env |= {"TOWPATH_LOG_LEVEL": "warning", "TOWPATH_DECISION_KEY": KEY}
    problem = python_problem(sys.version_info[:3])
    code, problems = await run_worker(env, "--check")
    assert (code, problem in problems) == (2 if problem else 0, True)
    code, problems = await run_worker({**env, "TOWPATH_OLDER_PYTHON": "true"}, "--check")
    assert code == 0 and problem in problems
