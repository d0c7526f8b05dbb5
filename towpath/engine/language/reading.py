"""Source to definition: shapes and types of all fields, and every problem with its place and its mend."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.definition import FALLBACKS, TRIGGERS, Header, Notification, Queue, Trigger
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.explaining import explain, shown
from towpath.engine.language.model import MOST_ENTRIES, Model
from towpath.engine.language.shapes import as_list, as_object, item
from towpath.engine.language.source import Source
from towpath.engine.language.steps import CONFIGS, RETIRED, Group, Step

ModelT = TypeVar("ModelT", bound=Model)

MOST_DEEP = 20
SHAPES = frozenset({"model_type", "list_type", "dict_type"})


@dataclass(frozen=True, slots=True)
class StepEntry:
    """A step as written; `config` is a model of its type, or the names of a `set`.

    `branches` are those of a condition, or what is done about errors that the step catches.
    """

    step: Step
    config: Model | dict[str, Any]
    path: Path
    branches: Mapping[str, tuple["Entry", ...]] = field(default_factory=dict[str, tuple["Entry", ...]])


@dataclass(frozen=True, slots=True)
class GroupEntry:
    group: Group
    members: tuple["Entry", ...]
    path: Path
    each_done: tuple["Entry", ...] = ()
    branches: Mapping[str, tuple["Entry", ...]] = field(default_factory=dict[str, tuple["Entry", ...]])


Entry = StepEntry | GroupEntry


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole definition. Read without errors, it still has to be checked."""

    header: Header
    triggers: tuple[tuple[Trigger, Path], ...]
    entries: tuple[Entry, ...]
    fallback: tuple[Notification | Queue, ...]

    def steps(self) -> Iterator[StepEntry]:
        """All steps, in the order of the document."""
        waiting: list[Entry] = [*reversed(self.entries)]
        while waiting:
            entry = waiting.pop()
            for branch in reversed(list(entry.branches.values())):
                waiting.extend(reversed(branch))
            if isinstance(entry, GroupEntry):
                waiting.extend(reversed((*entry.members, *entry.each_done)))
            else:
                yield entry


def read_definition(source: Source) -> Definition | None:
    """The definition, or None when its header cannot be read. Problems are added to the source's diagnostics."""
    if source.value is None and source.diagnostics:
        return None
    given = as_object(source.value)
    if given is None:
        source.report((), "document.type", "a definition is a mapping", "begin with id, version and steps")
        return None
    header = read_model(source, Header, given, ()) or _mended(given)
    triggers = _typed(source, given.get("triggers"), ("triggers",), TRIGGERS)
    fallback = (as_object(given.get("error_handling")) or {}).get("fallback")
    fallbacks = _typed(source, fallback, ("error_handling", "fallback"), FALLBACKS)
    entries = _entries(source, given.get("steps"), ("steps",), 0)
    if header is None:
        return None
    return Definition(
        header,
        tuple((trigger, path) for trigger, path in triggers if isinstance(trigger, Trigger)),
        entries,
        tuple(item for item, _ in fallbacks if isinstance(item, (Notification, Queue))),
    )


def _mended(given: dict[str, Any]) -> Header | None:
    """A header without what is wrong with it, told already, so that the rest can be checked as well."""
    try:
        return Header.model_validate(given)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    kept = {name: value for name, value in given.items() if name not in wrong}
    inputs: dict[str, Any] = {name: {} for name in as_object(given.get("inputs")) or {}}
    stand_ins: dict[str, Any] = {"id": "unnamed", "version": "0.0.0", "steps": [], "inputs": inputs}
    kept |= {name: value for name, value in stand_ins.items() if name in wrong}
    try:
        return Header.model_validate(kept)
    except ValidationError:
        return None


def _typed(source: Source, given: Any, path: Path, models: Mapping[str, type[Model]]) -> list[tuple[Model, Path]]:
    """Items of a list whose model is chosen by `type`."""
    found: list[tuple[Model, Path]] = []
    for index, entry in enumerate(as_list(given) or []):
        place = (*path, index)
        kind = (as_object(entry) or {}).get("type")
        if not isinstance(kind, str) or kind not in models:
            _unknown_type(source, place, kind, models)
            continue
        model = read_model(source, models[kind], entry, place)
        if model is not None:
            found.append((model, place))
    return found


def _unknown_type(source: Source, path: Path, kind: Any, models: Mapping[str, Any]) -> None:
    if kind == "parallel" and models is CONFIGS:
        source.report((*path, "type"), "type.unknown", "a group has no type", "write - parallel: [steps]")
        return
    if kind is None:
        source.report(path, "type.missing", "it has no type", f"add type: {' | '.join(models)}")
        return
    source.report(
        (*path, "type"), "type.unknown", f"there is no type {shown(kind)}", did_you_mean(str(kind), models)[2:]
    )


def _entries(source: Source, given: Any, path: Path, depth: int) -> tuple[Entry, ...]:
    items = as_list(given)
    if items is None:
        return ()
    if depth > MOST_DEEP:
        source.report(path, "steps.too-deep", f"steps are nested deeper than {MOST_DEEP}", "flatten them")
        return ()
    found: list[Entry] = []
    for index, written in enumerate(items[:MOST_ENTRIES]):
        if source.is_full:
            break
        entry = _entry(source, written, (*path, index), depth)
        if entry is None:
            source.unread.update(_ids(written))
        else:
            found.append(entry)
    return tuple(found)


def _ids(written: Any) -> Iterator[str]:
    """Ids in an entry that cannot be read: nobody is told that there is no such step."""
    waiting: list[Any] = [written]
    while waiting:
        value = waiting.pop()
        fields = as_object(value)
        waiting.extend(as_list(value) or [])
        if fields is not None:
            waiting.extend(fields.values())
            if isinstance(fields.get("id"), str):
                yield fields["id"]


def _entry(source: Source, written: Any, path: Path, depth: int) -> Entry | None:
    given = as_object(written)
    if given is None:
        source.report(path, "step.type", "a step is a mapping", "write - id: …, type: …")
        return None
    if "parallel" in given:
        group = read_model(source, Group, given, path)
        members = _entries(source, given["parallel"], (*path, "parallel"), depth + 1)
        each_done = _entries(source, given.get("each_done"), (*path, "each_done"), depth + 1)
        handlers = _handlers(source, given.get("catch"), (*path, "catch"), depth)
        return None if group is None else GroupEntry(group, members, path, each_done, handlers)
    step = read_model(source, Step, given, path)
    kind = given.get("type")
    if not isinstance(kind, str):
        return None
    if kind not in CONFIGS:
        _unknown_type(source, path, kind, CONFIGS)
        return None
    config = read_config(source, kind, given.get("config", {}), (*path, "config"))
    if kind == "condition":
        branches = _branches(source, given.get("config"), (*path, "config"), depth)
    else:
        branches = _handlers(source, given.get("catch"), (*path, "catch"), depth)
    if step is None or config is None:
        return None
    return StepEntry(step, config, path, branches)


def read_config(source: Source, kind: str, given: Any, path: Path) -> Model | dict[str, Any] | None:
    model = CONFIGS[kind]
    fields = as_object(given)
    if source.stored and fields is not None and kind in RETIRED:
        given = {name: value for name, value in fields.items() if name not in RETIRED[kind]}
    if model is not None:
        return read_model(source, model, given, path)
    values = as_object(given)
    if values is None:
        source.report(path, "config.type", "config is a mapping of names to values", "write name: value")
    return values


def _branches(source: Source, written: Any, path: Path, depth: int) -> dict[str, tuple[Entry, ...]]:
    """Branches of a condition by name: then and else, or case-1 … and default."""
    found: dict[str, tuple[Entry, ...]] = {}
    given = as_object(written) or {}
    for index, case in enumerate(as_list(given.get("switch")) or []):
        branch = (as_object(case) or {}).get("do")
        found[f"case-{index + 1}"] = _entries(source, branch, (*path, "switch", index, "do"), depth + 1)
    for name in ("then", "else", "default"):
        if name in given or (name == "else" and "if" in given):
            found[name] = _entries(source, given.get(name), (*path, name), depth + 1)
    return found


def _handlers(source: Source, written: Any, path: Path, depth: int) -> dict[str, tuple[Entry, ...]]:
    """What is done about the errors of a step or a group, by name: catch-1 …"""
    found: dict[str, tuple[Entry, ...]] = {}
    for index, entry in enumerate(as_list(written) or []):
        do = (as_object(entry) or {}).get("do")
        found[f"catch-{index + 1}"] = _entries(source, do, (*path, index, "do"), depth + 1)
    return found


def read_model(
    source: Source, model: type[ModelT], given: Any, path: Path, manual: str = "docs/definitions.md"
) -> ModelT | None:
    """A part of a document as a model, or None; what is wrong with it is told, and `manual` is where to read on."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [((*path, *place_in(given, problem)), problem) for problem in error.errors(include_url=False)]
        told: set[Path] = set()
        for place, problem in found:
            if place not in told and not (problem["type"] in SHAPES and _has_inner(place, found)):
                told.add(place)
                explain(source, model, place, problem, manual)
        return None


def _has_inner(place: Path, found: Iterable[tuple[Path, ErrorDetails]]) -> bool:
    """Whether something inside is wrong: another member of a union has the shape of what was given there."""
    return any(len(inner) > len(place) and inner[: len(place)] == place for inner, _ in found)


def place_in(given: Any, problem: ErrorDetails) -> Path:
    """The part of pydantic's location that is in the document: pydantic also names the members of unions."""
    found: list[str | int] = []
    value = given
    last = len(problem["loc"]) - 1
    for index, part in enumerate(problem["loc"]):
        there, inner = item(value, part)
        if there:
            value = inner
            found.append(part)
        elif index == last and problem["type"] == "extra_forbidden":
            found.append(part)
    return tuple(found)
