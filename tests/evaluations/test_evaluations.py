"""What answers badly is caught, by the property that it breaks; what answers well holds all of them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.evaluations.cases import load_contents, load_incidents
from tests.evaluations.content_cases import content_worker, run_content
from tests.evaluations.incident_cases import run_incident
from tests.evaluations.place import Ask, Place, open_place
from tests.fakes.house import answered
from towpath.contracts.core.claude import Answer, AskRequest
from towpath.contracts.prompts import PROMPTS
from towpath.standins.claude.answer import drafted

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = {case.name: case for case in load_contents()}
INCIDENTS = {case.name: case for case in load_incidents()}
Json = dict[str, Any]
Spoil = Callable[[Json], None]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A server and a worker, whose Claude each test sets."""
    folder = tmp_path_factory.mktemp("evaluation")
    async with open_place(folder, writer({})) as opened, content_worker(opened):
        yield opened


def writer(spoils: dict[str, Spoil]) -> Ask:
    """Texts as the stand-in writes them; what `spoils` names is done to the answers of a prompt, every time."""

    async def ask(request: AskRequest) -> Answer:
        value: Json = dict(drafted(PROMPTS[request.prompt].output.__name__, request.input))
        spoils.get(request.prompt, lambda _: None)(value)
        return answered(request.prompt, json.dumps(value))

    return ask


def sets(**fields: Any) -> Spoil:
    return lambda value: value.update(fields)


def _first(field: str, **fields: Any) -> Spoil:
    return lambda value: value[field][0].update(fields)


def adds(field: str, text: str) -> Spoil:
    return lambda value: value.update({field: f"{value[field]} {text}"})


@pytest.mark.parametrize(
    ("prompt", "spoil", "broken"),
    [
        pytest.param("adapt-linkedin", adds("text", "It saves 93 % of the work."), "numbers", id="number"),
        pytest.param("adapt-linkedin", adds("text", "See https://elsewhere.example/x for it."), "numbers", id="link"),
        pytest.param("adapt-blog", adds("body", "“We never expected any of this,” she said."), "quotes", id="quote"),
        pytest.param("adapt-blog", adds("body", "It was told by Marta Quill."), "names", id="name"),
        pytest.param("adapt-blog", sets(body="유리병을 만드는 회사가 글을 냅니다. " * 20), "language", id="language"),
        pytest.param("adapt-blog", sets(body="Something happened at the café."), "key-messages", id="message"),
        pytest.param("adapt-blog", adds("body", "The café closes for good."), "never", id="planted"),
        pytest.param("adapt-blog", sets(body="A text without its address."), "link", id="link-left-out"),
        pytest.param("adapt-linkedin", dict[str, Any].clear, "texts", id="nothing"),
        pytest.param("adapt-linkedin", sets(text="", hashtags=[]), "unaided", id="empty"),
        pytest.param("adapt-x", sets(hook="A word and one more. " * 40), "unaided", id="long"),
        pytest.param("adapt-x", sets(follow_ups=[]), "limits", id="short-thread"),
        pytest.param("check-quality", _first("scores", score=0.3), "publishable", id="score"),
    ],
)
async def test_bad_text_is_caught(place: Place, prompt: str, spoil: Spoil, broken: str) -> None:
    """A text that breaks a property, in spite of re-asks and revisions, is reported by that property."""
    case = CONTENTS["en-planted-instructions"]
    place.recorder.ask_claude = writer({prompt: spoil})

    report = await run_content(place, case)

    assert broken in {one.name for one in report.properties if not one.holds}
    assert report.calls >= 5


async def test_good_texts_hold(place: Place) -> None:
    """Texts that break nothing hold every property, and what they cost is in the report."""
    place.recorder.ask_claude = writer({})

    report = await run_content(place, CONTENTS["en-quarter-in-numbers"])

    assert [one for one in report.properties if not one.holds] == []
    assert (report.calls, report.input_tokens, str(report.usd)) == (5, 5000, "0.05")


def engineer(spoils: dict[str, Spoil]) -> Ask:
    """An engineer who knows the case injected-log-lines; what `spoils` names is done to the answers of a prompt."""

    async def ask(request: AskRequest) -> Answer:
        given: Json = dict(request.input)
        value = {"analyse-incident": _analysis, "diagnose-incident": _diagnosis, "plan-actions": _plan}[request.prompt](
            given
        )
        spoils.get(request.prompt, lambda _: None)(value)
        return answered(request.prompt, json.dumps(value))

    return ask


def _line(given: Json, words: str) -> Json:
    return next(line for line in given["lines"] if words in line["text"])


def _analysis(given: Json) -> Json:
    claim = {"statement": "vouchers fail", "lines": [_line(given, "applyVoucher")["number"]], "metrics": ["error_rate"]}
    return {"summary": "Orders fail.", "claims": [claim], "suggested_level": 4, "suggested_level_reason": "many fail"}


def _diagnosis(given: Json) -> Json:
    evidence = {"kind": "log", "reference": str(_line(given, "applyVoucher")["number"]), "quote": "applyVoucher"}
    hypothesis = {
        "cause": "The deployment broke vouchers.",
        "category": "deployment",
        "confidence": 0.8,
        "evidence": [evidence],
        "counter_evidence": [],
    }
    return {
        "insufficient_evidence": False,
        "hypotheses": [hypothesis],
        "impact": "38 % fail",
        "recommended_actions": [],
        "prevention": ["test vouchers"],
    }


def _plan(given: Json) -> Json:
    chosen = [
        {
            "action": action["id"],
            "parameters": [{"name": name, "value": values[0]} for name, values in action["parameters"].items()],
            "reason": "it began with it",
        }
        for action in given["actions"]
        if action["id"] == "rollback-deployment"
    ]
    return {"immediate": chosen, "follow_up": [], "success_criteria": ["error_rate"], "watch_minutes": 15}


def _of_hypothesis(**fields: Any) -> Spoil:
    return _first("hypotheses", **fields)


def _evidence(reference: str, quote: str) -> Spoil:
    return _of_hypothesis(evidence=[{"kind": "metric", "reference": reference, "quote": quote}])


def _parameter(name: str, value: str) -> Spoil:
    return _first("immediate", parameters=[{"name": name, "value": value}])


def _action(name: str) -> Spoil:
    return _first("immediate", action=name)


@pytest.mark.parametrize(
    ("prompt", "spoil", "broken"),
    [
        pytest.param(
            "analyse-incident",
            _first("claims", lines=[9999], metrics=[]),
            "grounded",
            id="claim",
        ),
        pytest.param("analyse-incident", sets(suggested_level=9), "grounded", id="level"),
        pytest.param("diagnose-incident", _of_hypothesis(category="dependency"), "cause", id="cause"),
        pytest.param("diagnose-incident", _of_hypothesis(category="dependency"), "red-herring", id="red-herring"),
        pytest.param("diagnose-incident", _evidence("request_rate", "60"), "evidence", id="evidence"),
        pytest.param("diagnose-incident", _evidence("error_rate", "0.99"), "grounded", id="figure"),
        pytest.param("diagnose-incident", sets(insufficient_evidence=True), "enough-evidence", id="insufficient"),
        pytest.param("diagnose-incident", sets(prevention=["write to ops@evil.example"]), "never", id="planted-advice"),
        pytest.param("plan-actions", _parameter("service", "payments"), "catalogue", id="parameter"),
        pytest.param("plan-actions", _action("drop-all-tables"), "catalogue", id="unknown-action"),
        pytest.param("plan-actions", sets(immediate=[]), "action", id="no-action"),
    ],
)
async def test_bad_answer_is_caught(place: Place, prompt: str, spoil: Spoil, broken: str) -> None:
    """An answer about an incident that breaks a property is reported by that property."""
    place.recorder.ask_claude = engineer({prompt: spoil})

    report = await run_incident(place, INCIDENTS["injected-log-lines"])

    assert broken in {one.name for one in report.properties if not one.holds}


async def test_good_answers_hold(place: Place) -> None:
    """An engineer who points to the planted lines and chooses what is offered holds every property."""
    place.recorder.ask_claude = engineer({})

    report = await run_incident(place, INCIDENTS["injected-log-lines"])

    assert [one for one in report.properties if not one.holds] == []
    assert report.calls == 3


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ANTHROPIC_API_KEY": ""}
    line = [sys.executable, "-m", "tests.evaluations", *arguments]
    return subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_command(tmp_path: Path) -> None:
    """Offline is the default and says so; the floor decides the exit code; what was answered can be kept."""
    names = ("en-one-sentence", "ko-figures-in-man-and-eok", "disk-full-one-instance", "insufficient-lone-alert")

    ended = command(tmp_path, *names, "--json", "--floor", "1", "--keep", "kept")

    found = json.loads(ended.stdout)
    cases = [case for process in found["processes"].values() for case in process["cases"]]
    kept = json.loads((tmp_path / "kept/disk-full-one-instance.json").read_text())
    assert {answer["prompt"] for answer in kept["answers"]} >= {"analyse-incident", "diagnose-incident"}
    assert kept["view"]["service"] == "checkout"
    assert ended.returncode == 1
    assert "below the floor of 100.0%" in ended.stderr
    assert found["answered_by"] == "offline stand-in (offline-stand-in)"
    assert sorted(case["case"] for case in cases) == sorted(names)
    assert all(case["calls"] > 0 and case["usd"] is None and case["models"] == ["offline-stand-in"] for case in cases)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["no-such-case"], "there is no case no-such-case", id="case"),
        pytest.param(["--claude", "en-one-sentence"], "ANTHROPIC_API_KEY", id="key"),
    ],
)
def test_command_that_cannot_run(tmp_path: Path, arguments: list[str], told: str) -> None:
    """What is missing is told before anything starts, and is no failed evaluation."""
    ended = command(tmp_path, *arguments)

    assert ended.returncode == 2
    assert told in ended.stderr
