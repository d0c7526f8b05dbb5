"""The demo as a newcomer runs it."""

import asyncio
import json
import sys
from pathlib import Path

from towpath.local.stack import ROOT


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
