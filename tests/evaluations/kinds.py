"""The kinds of cases, what is demanded of each, and how many of its cases were right, wrong or undecided."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from tests.evaluations.cases import Strict, yaml_value
from tests.evaluations.properties import CaseReport, Verdict

FILE = Path(__file__).parent / "kinds.yaml"
CODE = "code"


class Kind(Strict):
    """The least shares of right cases. A share is None where the kind has no cases that are answered so."""

    about: str
    code: float | None = None
    offline: float | None = None
    claude: float | None = None


@dataclass(frozen=True, slots=True)
class KindResult:
    """The cases of one kind that were answered by one: `least` is the share of right ones that is demanded."""

    process: str
    kind: str
    answered_by: str
    right: int
    wrong: int
    undecided: int
    least: float
    is_whole: bool
    """Whether all cases of the kind took part. A part of them shows nothing about the share."""

    @property
    def cases(self) -> int:
        return self.right + self.wrong + self.undecided

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "kind": self.kind,
            "answered_by": self.answered_by,
            "cases": self.cases,
            "right": self.right,
            "wrong": self.wrong,
            "undecided": self.undecided,
            "least_share": self.least,
            "below": self.is_below,
        }

    @property
    def is_below(self) -> bool:
        return self.is_whole and self.right < self.least * self.cases


def load_kinds(path: Path = FILE) -> dict[str, dict[str, Kind]]:
    """By process and name. Raises CaseError."""
    return TypeAdapter(dict[str, dict[str, Kind]]).validate_python(yaml_value(path))


def by_kind(
    reports: Sequence[CaseReport], wanted: dict[tuple[str, str, bool], int], model: str, *, online: bool
) -> list[KindResult]:
    """In the order of the kinds' file, code before the model. `wanted` counts all cases of a place that there are."""
    found: list[KindResult] = []
    for process, kinds in load_kinds().items():
        for name, kind in kinds.items():
            for decided in (True, False):
                place = (process, name, decided)
                mine = [one.verdict for one in reports if (one.process, one.kind, one.by_code) == place]
                share = kind.code if decided else kind.claude if online else kind.offline
                if mine and share is not None:
                    counts = [mine.count(verdict) for verdict in (Verdict.RIGHT, Verdict.WRONG, Verdict.UNDECIDED)]
                    answered_by = CODE if decided else model
                    whole = len(mine) == wanted.get(place)
                    found.append(KindResult(process, name, answered_by, *counts, least=share, is_whole=whole))
    return found
