"""The demo as a newcomer runs it."""

import asyncio
import json
import sys
from pathlib import Path

from tests.integration.conftest import watched_client
from tests.replaying import watched
from towpath.local.server import temporal_server
from towpath.local.stack import ROOT

MOST_LINES = 150
"""What somebody reads in a log of four processes."""


async def all_replay(state: Path) -> None:
    """Every run that the demo left on its database replays."""
    async with temporal_server(db=state / "temporal.db") as server:
        _, watch = await watched_client(server, state)
        async with watched(watch):
            watch.learn({"TOWPATH_PAYLOAD_STORE": str(ROOT / ".towpath" / "payloads")})


async def test_demo_ends_well_and_says_who_answered(tmp_path: Path) -> None:
    """Every process is shown to its end, nothing happens twice, and the answers are said to be the stand-in's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), "demo", "--json", "--state", str(tmp_path)),
        env={"PATH": "/usr/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, shown = await process.communicate()
    assert process.returncode == 0, shown.decode()
    await all_replay(tmp_path / "demo")
    told = json.loads(output)

    outcomes = [(run["process"], run["result"]["outcome"]) for run in told["runs"]]
    assert outcomes[:3] == [("customer-onboarding", "onboarded")] * 3
    assert ("content-publishing", "published") in outcomes
    assert ("content-publishing", "partly-published") in outcomes
    assert told["runs"][1]["result"]["decision"]["review"]["reviewer"] == "dana"
    assert told["runs"][2]["failed_run_id"] is not None
    assert told["effects"]["applied_twice"] == []
    assert len(told["effects"]["accounts"]) == 3
    assert told["offline"]
    assert "Nothing here came from Claude" in " ".join(shown.decode().split())
    assert "✗ Set up billing" in shown.decode()
    assert "it was found, not sent again" in shown.decode()

    rolled_back, stopped = (run["result"] for run in told["runs"] if run["process"] == "incident-response")
    assert [rolled_back["outcome"], stopped["outcome"]] == ["resolved"] * 2
    assert [action["state"] for action in rolled_back["actions"]] == ["verified"]
    assert rolled_back["acknowledged"]["by"] == "sora"
    assert rolled_back["actions"][0]["decision"]["reviewer"] == "sora"
    assert {action["state"] for action in stopped["actions"]} == {"refused"}
    assert all("kill switch" in action["note"] for action in stopped["actions"])
    changes = {name: service["changes"] for name, service in told["effects"]["platform"].items()}
    assert changes == {"checkout": ["rollbackDeployment"], "search": ["scaleService"], "catalog": []}
    assert {page["state"] for page in told["effects"]["pages"]} == {"resolved"}
    assert (tmp_path / "demo" / "post-mortem.md").read_text().startswith("# Post-mortem")
    assert len(shown.decode().splitlines()) <= MOST_LINES

    first, again = (run for run in told["runs"] if run["process"] == "etl")
    assert [load["inserted"] for load in first["result"]["loads"]] == [27_578] * 2
    assert [load["inserted"] + load["updated"] for load in again["result"]["loads"]] == [0, 0]
    assert "405 rows: elevation" in shown.decode()
    assert "region comes of regions.region" in shown.decode()
    assert (ROOT / first["report"]).read_text().startswith("<!doctype html>")
