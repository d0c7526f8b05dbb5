"""Copies of steps under ids of their own: the steps of `each_done`, once for each member of their group."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from towpath.engine.language.model import Model
from towpath.engine.language.reading import Entry, GroupEntry, StepEntry
from towpath.engine.language.renaming import Renamed, rename_model, rename_values
from towpath.engine.language.steps import CONFIGS, Catch, ForEach, Group, Step, StepCall

CallT = TypeVar("CallT", bound=StepCall)

EACH_DONE = "each_done"
BRANCH = "branch"
PRIME = "\u02b9"
"""In the names of errors that copies catch: no name of a document holds it, so each copy has errors of its own."""


def base_of(step: str) -> str:
    """The id in the document that a step is a copy of: `audit` for `audit[0]`."""
    return step.partition("[")[0]


def written_name(error: str) -> str:
    """The name in the document of an error that a copy catches."""
    return error.partition(PRIME)[0]


def all_entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    """All entries at any depth, in the order of the document."""
    for entry in entries:
        yield entry
        for inner in _lists_of(entry):
            yield from all_entries(inner)


def ids_of(entries: Iterable[Entry]) -> list[str]:
    """Ids of the steps and groups among entries, at any depth."""
    found = (entry.group.id if isinstance(entry, GroupEntry) else entry.step.id for entry in all_entries(entries))
    return [name for name in found if name is not None]


def _lists_of(entry: Entry) -> Iterator[tuple[Entry, ...]]:
    if isinstance(entry, GroupEntry):
        yield entry.members
        yield entry.each_done
    yield from entry.branches.values()


def copy_entries(entries: tuple[Entry, ...], suffix: str, branch: str | None) -> tuple[Entry, ...]:
    """Entries with the suffix at their ids. They read each other as before, and as `branch` the member of that id."""
    errors = [
        catch.as_
        for entry in all_entries(entries)
        for catch in (entry.group.catch if isinstance(entry, GroupEntry) else entry.step.catch)
        if catch.as_ is not None
    ]
    return _Copier(suffix, frozenset(ids_of(entries)), frozenset(errors), branch).entries(entries)


def reads_of(entries: tuple[Entry, ...]) -> tuple[tuple[str, ...], ...]:
    """All that entries read, as the constant names of each read, its root first; each once."""
    reader = _Copier("", frozenset(), frozenset(), None, {})
    reader.entries(entries)
    return tuple(reader.seen or ())


@dataclass(frozen=True, slots=True)
class _Copier:
    """`ids` and `errors` are the names that belong to what is copied."""

    suffix: str
    ids: frozenset[str]
    errors: frozenset[str]
    branch: str | None
    seen: dict[tuple[str, ...], None] | None = None
    """Where it is there, reads are only noted."""

    def entries(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return tuple(self._group(each) if isinstance(each, GroupEntry) else self._step(each) for each in entries)

    def _group(self, entry: GroupEntry) -> GroupEntry:
        name = None if entry.group.id is None else entry.group.id + self.suffix
        inner = replace(self, branch=None)
        return replace(
            entry,
            group=entry.group.model_copy(update={"id": name, **self._of_group(entry.group)}),
            members=self.entries(entry.members),
            each_done=inner.entries(entry.each_done),
            branches=self._branches(entry.branches),
        )

    def _of_group(self, group: Group) -> dict[str, Any]:
        catch = list(map(self._caught, group.catch))
        if group.for_each is None:
            return {"catch": catch}
        written = group.for_each.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"catch": catch, "for_each": ForEach.model_validate(rename_model(ForEach, written, self._rename))}

    def _step(self, entry: StepEntry) -> StepEntry:
        return StepEntry(self._copied(entry.step), self._config(entry), entry.path, self._branches(entry.branches))

    def _branches(self, branches: Mapping[str, tuple[Entry, ...]]) -> dict[str, tuple[Entry, ...]]:
        return {name: self.entries(steps) for name, steps in branches.items()}

    def _config(self, entry: StepEntry) -> Model | dict[str, Any]:
        if not isinstance(entry.config, Model):
            return rename_values(entry.config, self._rename)
        written = entry.config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return type(entry.config).model_validate(rename_model(type(entry.config), written, self._rename))

    def _copied(self, step: Step) -> Step:
        parts = {"config", "catch", "compensate", "check"}
        written = step.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={*parts, "id", "needs"})
        renamed = {**rename_model(Step, written, self._rename), "id": base_of(step.id)}
        needs = None if step.needs is None else [self._id(need) for need in step.needs]
        return Step.model_validate(renamed).model_copy(
            update={
                "id": step.id + self.suffix,
                "needs": needs,
                "back_to": None if step.back_to is None else self._id(step.back_to),
                "exhausted": None if step.exhausted is None else self._id(step.exhausted),
                "config": self._plain(step.type, step.config),
                "catch": list(map(self._caught, step.catch)),
                "compensate": self._call(step.compensate),
                "check": self._call(step.check),
            }
        )

    def _plain(self, kind: str, config: Mapping[str, Any]) -> Any:
        model = CONFIGS[kind]
        given = dict(config)
        return rename_values(given, self._rename) if model is None else rename_model(model, given, self._rename)

    def _call(self, call: CallT | None) -> CallT | None:
        if call is None:
            return None
        written = call.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"config"})
        renamed = {**rename_model(type(call), written, self._rename), "config": self._plain(call.type, call.config)}
        return type(call).model_validate(renamed)

    def _caught(self, entry: Catch) -> Catch:
        return entry if entry.as_ is None else entry.model_copy(update={"as_": self._error(entry.as_)})

    def _error(self, name: str) -> str:
        return name + self.suffix.replace("[", PRIME).replace("]", "")

    def _id(self, name: str) -> str:
        return name + self.suffix if name in self.ids else name

    def _rename(self, path: tuple[str, ...]) -> Renamed | None:
        if self.seen is not None:
            self.seen[path] = None
            return None
        match path:
            case ("branch", *rest) if self.branch is not None:
                return _of_branch(self.branch, rest)
            case ("steps", name, *_) if name in self.ids:
                return Renamed(2, "steps", name + self.suffix)
            case ("run", "steps", name, *_) if name in self.ids:
                return Renamed(3, "run.steps", name + self.suffix)
            case (name, *_) if name in self.errors:
                return Renamed(1, self._error(name))
            case _:
                return None


def _of_branch(member: str, rest: list[str]) -> Renamed:
    if rest[:1] == ["output"]:
        return Renamed(2, "steps", member)
    named = f"'{base_of(member)}'"
    return Renamed(2, named) if rest[:1] == ["id"] else Renamed(1, f"({{id: {named}, output: steps['{member}']}})")
