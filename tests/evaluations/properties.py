"""What an evaluation finds: for each case the properties that its run holds, and what the run took."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from pydantic import JsonValue

from towpath.contracts.core.claude import Answer
from towpath.contracts.core.wire import Wire


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"
    """There is no answer, or it was left to a person."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a run holds a property of its case. `why` says what was found where it does not."""

    name: str
    holds: bool
    why: str = ""


def verdict_of(properties: Sequence[Held], *, answered: bool) -> Verdict:
    """Right when all that the case asks for holds; undecided when the model gave nothing that could be judged."""
    if not answered:
        return Verdict.UNDECIDED
    return Verdict.RIGHT if all(one.holds for one in properties) else Verdict.WRONG


def held(name: str, problems: list[str]) -> Held:
    """The property holds when there is no problem."""
    return Held(name, not problems, "; ".join(problems))


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case: `usd` is None where a call had no known price, never zero; `seconds` go from start to the result."""

    process: str
    case: str
    properties: tuple[Held, ...]
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal | None = None
    seconds: float = 0.0
    models: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    """What Claude said, in the order in which it said it."""
    view: Wire | None = None
    """What the process made of it."""
    kind: str = ""
    by_code: bool = False
    """Whether code decided the case, and no model was asked."""
    verdict: Verdict = Verdict.UNDECIDED

    @property
    def passed(self) -> int:
        return sum(one.holds for one in self.properties)

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "process": self.process,
            "case": self.case,
            "kind": self.kind,
            "verdict": self.verdict.value,
            "by_code": self.by_code,
            "passed": self.passed,
            "of": len(self.properties),
            "properties": {one.name: one.holds for one in self.properties},
            "failed": {one.name: one.why for one in self.properties if not one.holds},
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": None if self.usd is None else float(self.usd),
            "seconds": round(self.seconds, 2),
            "models": [*self.models],
        }

    def in_full(self) -> dict[str, JsonValue]:
        """With every answer, and what the process made of them."""
        answers: list[JsonValue] = [
            {"prompt": one.provenance.prompt, "model": one.provenance.model, "text": one.text} for one in self.answers
        ]
        view = None if self.view is None else self.view.model_dump(mode="json")
        return {**self.as_json(), "answers": answers, "view": view}
