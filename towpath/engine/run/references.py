"""Secrets in what a step sends: taken out of its data and told beside it, so that nothing in data can pass for one."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.references import SecretName, SecretPlace, secrets_in
from towpath.engine.checks.loading import digest
from towpath.engine.expression.values import SecretText, Value, as_json
from towpath.engine.language.shapes import as_list, as_object, item
from towpath.engine.run.evaluation import StepError

Path = tuple[str | int, ...]
MARKS = frozenset({"$secret", "$text", "$data"})
"""Names in the JSON of which digests are made: two things that are not the same have no digest in common."""


def detach(config: Value, allowed: Collection[str] | None = None) -> tuple[JsonObject, tuple[SecretPlace, ...]]:
    """The data, and where in it secrets belong. Raises StepError for a secret that is not among those allowed.

    At such a place stands what earlier versions wrote there. Nothing reads it, but a worker of an earlier version,
    which does not know of the places, refuses the call for it.
    """
    places = tuple(_places(config, ()))
    if not places:
        return config, ()
    foreign = [] if allowed is None else sorted(secrets_in(places) - set(allowed))
    if foreign:
        message = f"it asks for the secret {foreign[0]!r}, which the step does not name"
        raise StepError(Failure(code=FailureCode.STEP_INPUT, message=message))
    return _standing_in(config), places


def attach(data: JsonObject, places: Collection[SecretPlace]) -> dict[str, Value]:
    """A config again, of what `detach` gave."""
    found = cast("dict[str, Value]", as_json(data))
    for place in places:
        inside: Any = found
        for key in place.path[:-1]:
            inside = inside[key]
        inside[place.path[-1]] = SecretText(place.parts)
    return found


def attach_old(data: JsonObject, made: Mapping[str, Value]) -> dict[str, Value]:
    """A config that an earlier version kept, with secrets among its data: they are where `made`, the config as it is
    made now, has the same ones. All else is data.
    """
    places = _places(dict(made), ())
    return attach(data, [place for place in places if _at(data, place.path) == SecretText(place.parts).shown()])


def config_digest(config: Mapping[str, Value] | None) -> str:
    """Data that looks like a secret has a digest of its own. All others are as in earlier versions."""
    return digest(None if config is None else _told_apart(dict(config)))


def _places(value: Value, path: Path) -> Iterator[SecretPlace]:
    if isinstance(value, SecretText):
        yield SecretPlace(path=path, parts=value.parts)
        return
    for name, inner in (as_object(value) or {}).items():
        yield from _places(inner, (*path, name))
    for index, inner in enumerate(as_list(value) or []):
        yield from _places(inner, (*path, index))


def _standing_in(value: Value) -> Value:
    if isinstance(value, SecretText):
        return {"$secret": next(part.secret for part in value.parts if isinstance(part, SecretName))}
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return {name: _standing_in(inner) for name, inner in fields.items()}
    return value if items is None else [_standing_in(inner) for inner in items]


def _told_apart(value: Value) -> JsonValue:
    if isinstance(value, SecretText):
        return value.shown()
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        found = {name: _told_apart(inner) for name, inner in fields.items()}
        return {"$data": found} if len(found) == 1 and MARKS & found.keys() else found
    return value if items is None else [_told_apart(inner) for inner in items]


def _at(data: JsonValue, path: Path) -> JsonValue:
    found: Any = data
    for key in path:
        _, found = item(found, key)
    return found
