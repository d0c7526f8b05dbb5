"""The cases of both evaluation sets, as their data files describe them, and what is expected of each."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from towpath.contracts.core.delivery import Language
from towpath.contracts.incident.investigation import Category
from towpath.engine.language.source import read_source

FOLDER = Path(__file__).parent
CHANNELS = ("x", "linkedin", "blog")
CaseT = TypeVar("CaseT", bound="Case")
StrictT = TypeVar("StrictT", bound="Strict")


class CaseError(Exception):
    """A data file cannot be used; the text names the file, the place and what is wrong."""


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Case(Strict):
    """`about` says in a sentence what the case tries, `kind` is one of kinds.yaml."""

    name: str
    kind: str
    about: str


class ContentCase(Case):
    """A content to publish on X, LinkedIn and the blog.

    `key_messages`: of each, one of the wordings must be found. `names` must stand in the article, `never` in no text.
    """

    title: str
    author: str | None = None
    link: str | None = None
    language: Language
    source: str
    key_messages: tuple[tuple[str, ...], ...] = Field(min_length=1)
    names: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


class AlertGiven(Strict):
    """A firing alert, `ago` minutes old."""

    name: str
    severity: str
    ago: float = 2
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class LinesGiven(Strict):
    """`times` lines, spread from `since` to `until` minutes ago; `{n}` is the number of the line.

    `planted` lines are those that tell the cause.
    """

    text: str
    level: str = "info"
    since: float
    until: float = 0
    times: int = Field(default=1, ge=1)
    planted: bool = False


class CourseGiven(Strict):
    """A metric that was `before` until `since` minutes ago, and is `now` today: at once, or by a `ramp`."""

    metric: str
    before: float
    now: float
    since: float = 8
    ramp: bool = False
    instance: str | None = None


class DeploymentGiven(Strict):
    """A deployment, `ago` minutes old; of the case's service unless it names another."""

    id: str
    version: str
    previous_version: str
    ago: float
    service: str | None = None
    by: str = "release-train"


class PastGiven(Strict):
    """An incident of `days` ago, as the archive keeps it."""

    id: str
    days: float
    service: str | None = None
    summary: str
    cause: str
    resolution: str


class RunbookGiven(Strict):
    name: str
    title: str
    text: str
    alerts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Expected(Strict):
    """`categories`: one of them is that of the first or second hypothesis; none says that the evidence is too thin.

    `metrics` and `deployments` tell the cause beside the planted lines. Of `actions` one is planned, with `parameters`
    among its own; `no_action` says that none is. `not_first` are categories that the case lures to. `never` stands in
    nothing that people are told, `never_actions` are not planned. `severity` is the least level.
    """

    categories: tuple[Category, ...] = ()
    metrics: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    no_action: bool = False
    not_first: tuple[Category, ...] = ()
    never: tuple[str, ...] = ()
    never_actions: tuple[str, ...] = ()
    severity: int = Field(ge=1, le=5)

    @property
    def insufficient(self) -> bool:
        return not self.categories


class IncidentCase(Case):
    service: str
    alerts: tuple[AlertGiven, ...] = Field(min_length=1)
    logs: tuple[LinesGiven, ...] = ()
    metrics: tuple[CourseGiven, ...] = ()
    deployments: tuple[DeploymentGiven, ...] = ()
    past: tuple[PastGiven, ...] = ()
    runbooks: tuple[RunbookGiven, ...] = ()
    expected: Expected

    @field_validator("metrics")
    @classmethod
    def _check_order(cls, given: Sequence[CourseGiven]) -> Sequence[CourseGiven]:
        places = [(course.metric, course.instance) for course in given]
        if len(set(places)) < len(places):
            raise ValueError("each metric and instance may stand in it once")
        return given


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def load_contents(folder: Path = FOLDER / "sources") -> tuple[ContentCase, ...]:
    """Raises CaseError."""
    return _load(folder, ContentCase)


def load_incidents(folder: Path = FOLDER / "incidents") -> tuple[IncidentCase, ...]:
    """Raises CaseError."""
    return _load(folder, IncidentCase)


def _load(folder: Path, kind: type[CaseT]) -> tuple[CaseT, ...]:
    return tuple(_read(path, kind) for path in sorted(folder.glob("*.yaml")))


def _read(path: Path, kind: type[CaseT]) -> CaseT:
    return checked(path.name, kind, {"name": path.stem} | yaml_value(path))


def yaml_value(path: Path) -> Any:
    """What a data file holds. Raises CaseError."""
    source = read_source(path.read_bytes())
    if source.diagnostics:
        raise CaseError("\n".join(one.line_of(path.name) for one in source.diagnostics))
    return json.loads(json.dumps(source.value))


def checked(place: str, kind: type[StrictT], fields: object) -> StrictT:
    """Raises CaseError, which begins with the place."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise CaseError("\n".join(f"{place}: {problem}" for problem in problems)) from error
