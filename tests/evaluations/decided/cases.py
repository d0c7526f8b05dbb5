"""Cases that code decides and no model answers: an input, and what is right, written by hand."""

from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from tests.evaluations.cases import Case, CaseError, checked, yaml_value
from tests.evaluations.decided import incident, publishing
from tests.evaluations.properties import CaseReport, Held, Verdict
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.publishing.process import PUBLISHING

FOLDER = Path(__file__).parent
ASKS = {PUBLISHING.name: publishing.QUESTIONS, INCIDENT.name: incident.QUESTIONS}
FILES = {PUBLISHING.name: FOLDER / "publishing.yaml", INCIDENT.name: FOLDER / "incident.yaml"}
PERSON = "to a person"


class DecidedCase(Case):
    """`question` names what is asked of the code, with `given`; each field of `right` must be that of its answer."""

    question: str
    given: JsonObject
    right: JsonObject


def load_decided(process: str, path: Path | None = None) -> tuple[DecidedCase, ...]:
    """Raises CaseError."""
    file = path or FILES[process]
    values = TypeAdapter(list[JsonObject]).validate_python(yaml_value(file))
    cases = tuple(checked(file.name, DecidedCase, value) for value in values)
    for case in cases:
        if case.question not in ASKS[process]:
            raise CaseError(f"{file.name}: {case.name}: there is no question {case.question}")
        if not case.right:
            raise CaseError(f"{file.name}: {case.name}: nothing is said of what is right")
        checked(f"{file.name}: {case.name}", ASKS[process][case.question].given, case.given)
    return cases


def run_decided(process: str, case: DecidedCase) -> CaseReport:
    """What the code says, judged by what is right."""
    return judged(process, case, ASKS[process][case.question].answer(case.given))


def judged(process: str, case: DecidedCase, answer: JsonObject) -> CaseReport:
    """Undecided where the code leaves to a person what has a certain answer, and says nothing wrong besides."""
    held = tuple(_held(name, right, answer.get(name)) for name, right in case.right.items())
    verdict = Verdict.RIGHT if all(one.holds for one in held) else Verdict.WRONG
    if verdict is Verdict.WRONG and answer.get("answer") == PERSON != case.right.get("answer"):
        verdict = Verdict.UNDECIDED
    return CaseReport(process, case.name, held, kind=case.kind, by_code=True, verdict=verdict)


def _held(name: str, right: JsonValue, found: JsonValue) -> Held:
    return Held(name, right == found, "" if right == found else f"{right!r} is right, found: {found!r}")
