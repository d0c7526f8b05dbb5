"""Secrets by name: put into a request just before it is sent, and masked in whatever comes out of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import JsonValue

from towpath.config.masking import SHORTEST, Masker
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.references import SecretName, SecretPlace, secrets_in

EARLIER = frozenset({"$secret", "$text"})
"""Earlier versions wrote a secret into the data: as an object with one of these names."""


class Secrets:
    """Values by name. Neither `repr` nor an error shows a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._maskers: dict[frozenset[str], Masker] = {}

    @property
    def short(self) -> list[str]:
        """Names of those that are too short to be looked for within texts."""
        return sorted(name for name, value in self._values.items() if len(value) < SHORTEST)

    def text(self, parts: Iterable[str | SecretName]) -> str:
        """The parts as one text. Raises HouseError."""
        return "".join(part if isinstance(part, str) else self._value(part.secret) for part in parts)

    def fill(
        self, data: JsonObject, places: Collection[SecretPlace], earlier: Collection[str] | None = ()
    ) -> JsonObject:
        """The data with secrets at their places; it is only copied. Raises HouseError.

        `earlier` are the names that a request of an earlier version could ask for: None is all.
        """
        if earlier or earlier is None:
            _refuse_earlier(data)
        return cast("JsonObject", self._filled(data, [(place.path, self.text(place.parts)) for place in places]))

    def masker(
        self, places: Collection[SecretPlace], names: Collection[str] = (), made: Collection[str] = ()
    ) -> Masker:
        """For what comes back: it knows the secrets that were sent, and what was `made` of them, and no other ones."""
        texts = [self.text(place.parts) for place in places if len(place.parts) > 1]
        sent = frozenset(names) | secrets_in(places)
        found = None if texts or made else self._maskers.get(sent)
        if found is None:
            found = Masker([*(self._value(name) for name in sorted(sent)), *made], texts)
        if not texts and not made:
            self._maskers[sent] = found
        return found

    def _filled(self, value: JsonValue, texts: list[tuple[tuple[str | int, ...], str]]) -> JsonValue:
        if not texts:
            return value
        for path, text in texts:
            if not path:
                return text
        copied: Any = dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else None
        for key in dict.fromkeys(path[0] for path, _ in texts):
            inner = [(path[1:], text) for path, text in texts if path[0] == key]
            try:
                copied[key] = self._filled(copied[key], inner)
            except (LookupError, TypeError):
                message = "there is no such place in the data for a secret"
                raise HouseError(FailureCode.SERVICE_BAD_REQUEST, message, sent=False) from None
        return copied

    def _value(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            message = f"secret {name!r} is not set"
            raise HouseError(FailureCode.SERVICE_BAD_REQUEST, message, evidence={"secret": name}, sent=False) from None


def _refuse_earlier(data: JsonValue) -> None:
    """In what an earlier version asked for, a secret of the definition and data that looks like one are the same."""
    if any(True for _ in _marked(data)):
        message = "an earlier version asked for it, in a form in which data could name a secret: redrive the run"
        raise HouseError(FailureCode.SERVICE_BAD_REQUEST, message, sent=False)


def _marked(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, dict):
        if len(value) == 1 and EARLIER & value.keys():
            yield value
        for inner in value.values():
            yield from _marked(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _marked(inner)
