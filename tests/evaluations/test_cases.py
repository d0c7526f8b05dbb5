"""The cases of the evaluation are sound: what they expect can be had, and what they plant can be seen."""

from pathlib import Path

import pytest

from tests.evaluations.cases import CaseError, ContentCase, IncidentCase, load_contents, load_incidents
from tests.evaluations.incident_world import shipped_files
from towpath.contracts.core.delivery import Language
from towpath.contracts.incident.remediation import ActionCatalogue

CONTENTS, INCIDENTS = load_contents(), load_incidents()
CATALOGUE = shipped_files().catalogue or ActionCatalogue()
ACTIONS = {action.id: action for action in CATALOGUE.actions}
WINDOW = 15


def test_sets() -> None:
    """Models are asked about at least 20 of each, in both languages, with every trap that an incident may hold."""
    expected = [case.expected for case in INCIDENTS]

    assert min(len(CONTENTS), len(INCIDENTS)) >= 20
    assert {case.language for case in CONTENTS} == set(Language)
    assert sum(one.insufficient for one in expected) >= 2
    assert sum(bool(one.not_first) for one in expected) >= 2
    assert sum(case.name.startswith("injected") for case in INCIDENTS) >= 2
    assert len({category for one in expected for category in one.categories}) == 8


@pytest.mark.parametrize("case", CONTENTS, ids=lambda case: case.name)
def test_contents(case: ContentCase) -> None:
    """What is expected of a text stands in its source, where both are of one language."""
    source = " ".join(f"{case.title} {case.source}".split())

    assert all(name in source for name in case.names)
    if "source-for" not in case.name:
        assert [
            words for words in case.key_messages if not any(one.casefold() in source.casefold() for one in words)
        ] == []


@pytest.mark.parametrize("case", INCIDENTS, ids=lambda case: case.name)
def test_incidents(case: IncidentCase) -> None:
    """Service, metrics and actions are those of the catalogue; the cause is planted where the run looks."""
    expected = case.expected
    named = {course.metric for course in case.metrics} | set(expected.metrics)

    assert case.service in CATALOGUE.services
    assert named <= {metric.name for metric in CATALOGUE.metrics}
    assert {*expected.actions, *expected.never_actions} <= set(ACTIONS)
    assert all(WINDOW >= lines.since >= lines.until for lines in case.logs)
    assert any(lines.planted for lines in case.logs) == bool(expected.categories)
    for action in expected.actions:
        assert set(ACTIONS[action].categories) & set(expected.categories)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("about: a: b\n", "broken.yaml:1:9", id="syntax"),
        pytest.param(
            "about: nothing\nkind: claims\nlanguage: en\ntitle: T\nsource: S\n",
            "key_messages: Field required",
            id="missing",
        ),
        pytest.param("about: x\ncolour: red\n", "colour: Extra inputs are not permitted", id="unknown"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, content: str, told: str) -> None:
    """A data file that is wrong is named with the place."""
    (tmp_path / "broken.yaml").write_text(content)

    with pytest.raises(CaseError, match=r"broken\.yaml") as caught:
        load_contents(tmp_path)

    assert told in str(caught.value)
