"""Campaigns told as files: what is asked for, what the platforms and people do, and how it ends.

`tests/scenarios/publishing/*.json`: `metadata` and `request` are fields of the request; a time is `+` and an ISO
duration from the start. `platforms` has the endings of calls in turn: `fine`, `taken`, `lost`, or a failure by its
code. `people` act after so much of the run's time.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from pydantic import Field, TypeAdapter

from tests.fakes.press import Ending
from tests.timeskip.publishing import Handle, Press, campaign
from towpath.contracts.core.failure import FailureCode, HouseError, PublishError
from towpath.contracts.core.wire import JsonObject, Wire
from towpath.contracts.publishing.campaign import PublishingOutcome
from towpath.contracts.publishing.posting import JobState

FOLDER = Path(__file__).resolve().parents[1] / "scenarios" / "publishing"
FILES = sorted(FOLDER.glob("*.json"))
_DURATION = TypeAdapter(timedelta)


class Refused(Wire):
    """A platform's failure."""

    code: FailureCode
    retry_after_seconds: float | None = None

    def error(self) -> HouseError:
        wait = None if self.retry_after_seconds is None else timedelta(seconds=self.retry_after_seconds)
        return PublishError(self.code, "as the scenario says", retry_after=wait)


class Act(Wire):
    """What a person does, after so much time."""

    after: timedelta
    do: Literal["decide", "edit", "reschedule", "cancel", "publish_now", "release", "settle"]
    given: JsonObject = Field(alias="with")


class Expected(Wire):
    outcome: PublishingOutcome
    jobs: dict[str, JobState]
    approved: bool


class Scenario(Wire):
    about: str
    metadata: JsonObject
    request: JsonObject = {}
    model: str = "claude-test-1"
    platforms: dict[str, list[Ending | Refused]] = {}
    people: tuple[Act, ...] = ()
    expect: Expected


def read(path: Path) -> Scenario:
    return Scenario.model_validate_json(path.read_text(encoding="utf-8"), extra="forbid")


def ending_of(told: Ending | Refused) -> HouseError | Ending:
    return told.error() if isinstance(told, Refused) else told


def timed(value: Any, start: datetime) -> Any:
    """The value with its times in place of durations from the start."""
    if isinstance(value, str) and value.startswith("+P"):
        return (start + _DURATION.validate_python(value[1:])).isoformat()
    if isinstance(value, list):
        return [timed(item, start) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: timed(item, start) for name, item in cast("dict[str, Any]", value).items()}
    return value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_scenario(press: Press, path: Path) -> None:
    """The campaign of the file ends as the file says, and nothing goes out twice."""
    start = datetime.now(UTC)
    scenario = read(path)
    for name, endings in scenario.platforms.items():
        press.fake.plan(name, *map(ending_of, endings))
    press.fake.model = scenario.model
    request = campaign(**timed({**scenario.metadata, **scenario.request}, start))
    handle = await press.start(request, skipping=not scenario.people)
    await _people(press, handle, scenario, start)
    result = await (press.finish(handle) if scenario.people else handle.result())

    assert result.outcome is scenario.expect.outcome, result
    assert {job.job: job.state for job in result.jobs} == scenario.expect.jobs
    assert (result.decision is not None) is scenario.expect.approved
    for timeline in press.fake.timelines.values():
        assert len({shown.text for shown in timeline}) == len(timeline)
    assert all(left == [] for left in press.fake.faults.values())


async def _people(press: Press, handle: Handle, scenario: Scenario, start: datetime) -> None:
    passed = timedelta()
    for act in scenario.people:
        if act.after > passed:
            await press.forward(handle, act.after - passed)
        passed = max(passed, act.after)
        await handle.execute_update(act.do, timed(act.given, start))


def test_scenarios_say_what_they_show() -> None:
    """Each file has its sentence, and together they reach every state a job can end in but the settled ones."""
    scenarios = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]
    ends = {state for scenario in scenarios for state in scenario["expect"]["jobs"].values()}

    assert all(scenario["about"].endswith(".") for scenario in scenarios)
    assert ends == {"published", "partly-published", "dropped", "cancelled", "withdrawn", "failed"}
