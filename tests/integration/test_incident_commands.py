"""starter.py incident where something is wrong: exit codes, and what is named."""

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from towpath.local.stack import ROOT


async def test_the_catalogue_from_a_terminal(house: House, tmp_path: Path) -> None:
    """The shipped catalogue is right; a wrong entry is named with file and line, and nothing is listed from it."""
    checked = await starter_json(house, "incident", "actions", "check", "--folder", str(ROOT / "definitions"))
    listed = await starter_json(house, "incident", "actions", "list", "--folder", str(ROOT / "definitions"))
    for name in ("actions", "incident", "runbooks"):
        shutil.copytree(ROOT / "definitions" / name, tmp_path / name)
    path = tmp_path / "actions" / "clear-disk.yaml"
    path.write_text(path.read_text().replace("operation: clearDisk", "operation: eraseDisk"))
    code, output, _ = await starter(house, "incident", "actions", "check", "--folder", str(tmp_path), "--json")
    wrong = json.loads(output)

    assert (checked["ok"], checked["problems"]) == (True, [])
    assert "rollback-deployment" in [one["id"] for one in listed]
    assert (code, wrong["ok"]) == (1, False)
    assert all("clear-disk.yaml" in problem["file"] for problem in wrong["problems"])
    assert "eraseDisk" in str(wrong["problems"])
    assert (await starter(house, "incident", "actions", "list", "--folder", str(tmp_path)))[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("show",), id="show"),
        pytest.param(("acknowledge", "--by", "sora"), id="acknowledge"),
        pytest.param(("approve", "--as", "sora"), id="approve"),
        pytest.param(("reject", "--as", "sora", "--reason", "no"), id="reject"),
    ],
)
async def test_an_incident_that_is_none(house: House, arguments: tuple[str, ...]) -> None:
    """An id that nobody knows is told as not found."""
    verb, *options = arguments
    code, _, problem = await starter(house, "incident", verb, "no-such-group", *options)

    assert (code, "no-such-group" in problem) == (3, True), problem
