"""Every kind has cases, no case is passed by a wrong answer, and a kind that falls below its share is told."""

from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.evaluations.cases import CaseError, ContentCase, IncidentCase, load_contents, load_incidents
from tests.evaluations.content_properties import content_properties
from tests.evaluations.decided.cases import FILES, PERSON, DecidedCase, judged, load_decided, run_decided
from tests.evaluations.incident_properties import incident_properties
from tests.evaluations.kinds import by_kind, load_kinds
from tests.evaluations.properties import CaseReport, Verdict, verdict_of
from tests.fakes.platforms import PLATFORMS
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.incident.alerts import AlertGroup
from towpath.contracts.incident.incident import IncidentView
from towpath.contracts.incident.investigation import Category, Diagnosis, Hypothesis
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import ActionCatalogue, ActionPlan
from towpath.contracts.publishing.campaign import Adaptation, CampaignView
from towpath.contracts.publishing.posting import Post
from towpath.contracts.publishing.process import PUBLISHING

LEAST = 40
CONTENTS, INCIDENTS = load_contents(), load_incidents()
DECIDED = [(process, case) for process in FILES for case in load_decided(process)]
UNTRUE = "We sold 987,654 crates. “Nobody has ever seen such a thing before,” says Zed Quux of https://evil.example/x."
ISSUE = {
    PUBLISHING.name: {"identity", "counting", "claims", "names", "orders", "sources", "time"},
    INCIDENT.name: {"severity", "clipping", "orders", "proof", "news", "gaps", "services", "grafana"},
}


def name_of(given: tuple[str, DecidedCase]) -> str:
    return given[1].name


def test_every_kind_has_cases() -> None:
    """Each process has at least 40, each kind at least two, and a share is stated just where there are cases."""
    for process, kinds in load_kinds().items():
        asked = [case.kind for case in (CONTENTS if process == PUBLISHING.name else INCIDENTS)]
        decided = [case.kind for other, case in DECIDED if other == process]

        assert ISSUE[process] <= kinds.keys() == {*asked, *decided}
        assert len(asked) + len(decided) >= LEAST
        for name, kind in kinds.items():
            assert (kind.code is not None) == (name in decided)
            assert (kind.offline is not None) == (kind.claude is not None) == (name in asked)
            assert [*asked, *decided].count(name) >= 2


def test_names_are_unique() -> None:
    """A case is chosen by its name."""
    names = [case.name for case in (*CONTENTS, *INCIDENTS)] + [case.name for _, case in DECIDED]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("given", DECIDED, ids=name_of)
def test_code_decides_rightly(given: tuple[str, DecidedCase]) -> None:
    """What code decides is right."""
    report = run_decided(*given)

    assert report.verdict is Verdict.RIGHT, [one.why for one in report.properties if not one.holds]


@pytest.mark.parametrize("given", DECIDED, ids=name_of)
def test_no_wrong_answer_passes(given: tuple[str, DecidedCase]) -> None:
    """Each field of a right answer, changed or left out, makes the answer wrong."""
    process, case = given

    assert judged(process, case, case.right).verdict is Verdict.RIGHT
    for name, value in case.right.items():
        for other in wrong(value):
            assert judged(process, case, {**case.right, name: other}).verdict is Verdict.WRONG
        if value is not None:
            left = {field: known for field, known in case.right.items() if field != name}
            assert judged(process, case, left).verdict is Verdict.WRONG


def wrong(value: JsonValue) -> list[JsonValue]:
    """Answers that are near the right one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value - 1, value + 1, 0]
    if isinstance(value, str):
        return ["", f"{value}x", None]
    if isinstance(value, list):
        return [[*value, "x"], value[:-1] or ["x"]]
    if isinstance(value, dict):
        return [{}, *({**value, name: other} for name, known in value.items() for other in wrong(known))]
    return [0, "x"]


def test_what_is_left_to_a_person_is_undecided() -> None:
    """It is neither right nor wrong where there is a certain answer."""
    process, case = next(one for one in DECIDED if one[1].name == "claims-bare-host")
    answer: JsonObject = {"answer": PERSON, "rules": ["link"]}

    assert judged(process, case, answer).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("case", CONTENTS, ids=lambda case: case.name)
def test_untrue_texts_are_wrong(case: ContentCase) -> None:
    """A content is not passed by texts about something else, nor by its own forbidden words."""
    texts = [UNTRUE, *case.never]
    made = tuple(
        Adaptation(channel=channel, posts=tuple(Post(text=text) for text in texts), platform_version="2026-11")
        for channel in ("x", "linkedin", "blog")
    )
    found = content_properties(
        case, CampaignView(campaign=case.name, title=case.title, adaptations=made), PLATFORMS.rules
    )
    broken = {one.name for one in found if not one.holds}

    assert verdict_of(found, answered=True) is Verdict.WRONG
    assert {"numbers", "key-messages", "quotes", "names"} <= broken
    assert ("never" in broken) == bool(case.never)


@pytest.mark.parametrize("case", INCIDENTS, ids=lambda case: case.name)
def test_wrong_diagnoses_are_wrong(case: IncidentCase) -> None:
    """An incident is not passed by the other answer about its cause, nor by a repetition of what it plants."""
    lured: Category = case.expected.not_first[0] if case.expected.not_first else "unknown"
    guesses = (Hypothesis(cause="it is so", category=lured, confidence=1.0, evidence=[], counter_evidence=[]),)
    thin = not case.expected.insufficient
    diagnosis = Diagnosis(
        insufficient_evidence=thin, hypotheses=() if thin else guesses, recommended_actions=case.expected.never
    )
    seen = IncidentView(
        service=case.service, group=AlertGroup(group_key="g", labels={}), diagnosis=diagnosis, plan=ActionPlan()
    )
    found = incident_properties(case, seen, ActionCatalogue(), ())
    broken = {one.name for one in found if not one.holds}

    assert verdict_of(found, answered=True) is Verdict.WRONG
    assert {"severity", "enough-evidence"} <= broken
    assert ("never" in broken) == bool(case.expected.never)


@pytest.mark.parametrize(
    ("right", "existing", "below"), [(4, 4, False), (3, 4, True), (3, 5, False)], ids=["all", "one-less", "a-part"]
)
def test_a_kind_below_its_share(right: int, existing: int, below: bool) -> None:
    """It is told where all of its cases took part."""
    verdicts = [Verdict.RIGHT] * right + [Verdict.WRONG] * (4 - right)
    reports = [
        CaseReport(PUBLISHING.name, str(number), (), kind="identity", by_code=True, verdict=verdict)
        for number, verdict in enumerate(verdicts)
    ]
    (found,) = by_kind(reports, {(PUBLISHING.name, "identity", True): existing}, "nobody", online=False)

    assert (found.is_below, found.cases, found.answered_by) == (below, 4, "code")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("question: who\n  right: {x: 1}\n  given: {}", "there is no question who", id="question"),
        pytest.param("question: how long on X\n  right: {}\n  given: {text: a}", "nothing is said", id="right"),
        pytest.param("question: how long on X\n  right: {length: 1}\n  given: {words: a}", "text: Field", id="given"),
        pytest.param("asks: how long on X\n  right: {}\n  given: {}", "question: Field required", id="field"),
    ],
)
def test_a_case_that_cannot_be_asked(tmp_path: Path, text: str, told: str) -> None:
    """It is refused before anything runs."""
    path = tmp_path / "broken.yaml"
    path.write_text(f"- name: a\n  kind: counting\n  about: b\n  {text}\n")

    with pytest.raises(CaseError, match=r"broken\.yaml") as caught:
        load_decided(PUBLISHING.name, path)

    assert told in str(caught.value)
