"""starter.py publishing, as people use it."""

import json
from pathlib import Path

import pytest

from tests.integration.campaigns import LINK, content, new_campaign, word_of
from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from tests.waiting import until


@pytest.fixture
def word() -> str:
    return word_of(new_campaign())


async def test_a_campaign_from_a_terminal(house: House, word: str, tmp_path: Path) -> None:
    """Started from stdin, looked at, edited, approved, moved, cancelled, published now; the result says it all."""
    name = f"content-publishing/{word}"
    options = ("--campaign", word, "--title", f"The {word} canal", "--link", LINK, "--cut-off", "0")
    channels = ("--channel", "x", "--channel", "linkedin@2100-01-01T09:00+01:00", "--channel", "blog")
    started = await starter_json(house, "publishing", "start", "-", *options, *channels, given=content(word))
    again = await starter_json(house, "publishing", "start", "-", *options, *channels, given=content(word))
    assert (started["workflow_id"], started["existing"], again["existing"]) == (name, False, True)

    async def review() -> tuple[int, str, str]:
        return await starter(house, "review", "show", name)

    _, shown, _ = await until(review, lambda answer: answer[0] == 0)
    assert "no model of Claude's" in shown
    assert "[offline draft]" in shown
    assert "score" in shown
    text = tmp_path / "text.md"
    text.write_text(f"The {word} canal is open again.\n\n{LINK}\n")
    edit = ("publishing", "edit", word, "linkedin", "--file", str(text), "--by")
    code, _, problem = await starter(house, *edit, "noah")
    assert (code, "may not approve" in problem) == (1, True)
    await starter_json(house, *edit, "mira")
    await starter_json(house, "review", "approve", name, "--as", "mira", "--reason", "read")

    async def jobs() -> list[str]:
        seen = await starter_json(house, "publishing", "show", word)
        return [job["state"] for job in seen["jobs"]]

    await until(jobs, lambda states: states == ["scheduled"] * 3)
    moved = ("publishing", "reschedule", word, "blog", "--at", "2100-02-01T09:00Z", "--by", "mira")
    assert (await starter_json(house, *moved))[0]["at"] == "2100-02-01T09:00:00Z"
    cancelled = await starter_json(house, "publishing", "cancel", word, "blog", "--by", "mira", "--reason", "later")
    assert cancelled[0]["reason"] == "cancelled by mira: later"
    await starter_json(house, "publishing", "publish-now", word, "--by", "mira")
    code, output, problem = await starter(house, "result", name, "--json")
    ended = json.loads(output)

    assert (code, ended["outcome"]) == (1, "partly-published"), problem
    assert [job["state"] for job in ended["jobs"]] == ["published", "published", "cancelled"]
    code, _, problem = await starter(house, "publishing", "cancel", word, "--by", "mira")
    assert (code, "has ended" in problem) == (1, True)


@pytest.mark.parametrize(
    ("given", "arguments", "what"),
    [
        pytest.param("x" * 1_100_000, (), "in parts", id="too-large"),
        pytest.param(" \n", (), "is empty", id="empty"),
        pytest.param("text", ("--channel", "linkdin"), "did you mean 'linkedin'", id="unknown-channel"),
        pytest.param("text", ("--zone", "Europe/Berln"), "did you mean 'Europe/Berlin'", id="unknown-zone"),
        pytest.param("text", ("--channel", "x@2027-03-28T09:00"), "offset from UTC", id="no-offset"),
        pytest.param("text", ("--not-after", "tomorrow"), "not_after", id="no-time"),
        pytest.param("text", ("--policy", "some"), "'rest', 'none' or 'hold'", id="no-policy"),
        pytest.param("text", ("--campaign", "a b"), "metadata.campaign", id="no-id"),
        pytest.param("text", ("--channel", "x", "--channel", "x"), "stand in it once", id="twice"),
    ],
)
async def test_what_cannot_be_started_says_how_to_mend_it(
    house: House, given: str, arguments: tuple[str, ...], what: str
) -> None:
    """Nothing is started from wrong input, and each problem names its place."""
    base = ("--campaign", "wrong", "--title", "t", *(() if "--channel" in arguments else ("--channel", "x")))
    code, _, problems = await starter(house, "publishing", "start", "-", *base, *arguments, given=given)

    assert code == 2, problems
    assert what in problems


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        pytest.param((), "Give --post-id when it is out", id="nothing"),
        pytest.param(("--post-id", "1", "--not-published"), "Give --post-id when it is out", id="both"),
        pytest.param(("--not-published", "--url", "https://x.com/a/status/1"), "has no address", id="address"),
    ],
)
async def test_a_settlement_that_says_two_things_is_none(house: House, arguments: tuple[str, ...], what: str) -> None:
    """It is refused before the campaign is looked for."""
    code, _, problems = await starter(house, "publishing", "settle", "nowhere", "x", "--as", "dana", *arguments)

    assert code == 2 and what in problems


async def test_missing_fields_are_named_with_their_options(house: House) -> None:
    """What is missing is named, all at once, with the option that gives it."""
    code, _, problems = await starter(house, "publishing", "start", "-", given="text")

    assert code == 2
    assert all(f"--{option}" in problems for option in ("campaign", "title", "channel"))


async def test_a_failed_campaign_is_redriven_from_its_queue(house: House, word: str) -> None:
    """Claude refuses the analysis: the campaign lies in its queue with why, and goes on when it is redriven."""
    name = f"content-publishing/{word}"
    options = ("--campaign", word, "--title", f"The {word} canal", "--channel", "x")
    fault = await house.fault(service="claude", operation="ContentAnalysis", code="refusal", times=1)
    started = await starter(house, "publishing", "start", "-", *options, "--wait", given=content(word))
    await house.http.delete("/_standins/faults", params={"id": fault})
    letter = await starter_json(house, "queue", "show", name)
    await starter_json(house, "queue", "redrive", name)
    await until(lambda: starter(house, "review", "show", name), lambda answer: answer[0] == 0)

    assert (started[0], "queue show" in started[2]) == (1, True)
    assert (letter["queue"], letter["step"]) == ("failed-publishing", "analyse-content")
    assert letter["failure"]["code"] == "claude.refusal"
    assert letter["redrive_keeps"] == []
    await starter_json(house, "cancel", name)
