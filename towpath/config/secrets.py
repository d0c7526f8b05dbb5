"""Secrets by name: put into a request just before it is sent, and masked in whatever comes out of it."""

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote, quote_plus

from pydantic import JsonValue

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import JsonObject

SECRET, TEXT = "$secret", "$text"
MASK = "***"
SHORTEST_CORE = 6
"""Fewer characters of base64 than this would be found in texts that hold no secret."""


class Secrets:
    """Values by name. Neither `repr` nor an error shows a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        forms = {form for value in values.values() if value for form in _forms(value)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def resolve(self, value: JsonValue) -> JsonValue:
        """`value` with each `{"$secret": …}` and `{"$text": […]}` in it replaced. Raises HouseError."""
        name = _secret_name(value)
        if name is not None:
            return self._value(name)
        parts = _text_parts(value)
        if parts is not None:
            return "".join(self._part(part) for part in parts)
        if isinstance(value, dict):
            return {key: self.resolve(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner) for inner in value]
        return value

    def resolve_named(self, value: JsonObject, names: Collection[str]) -> JsonObject:
        """`value` resolved, when it asks for no other secrets than those named. Raises HouseError."""
        if secret_names(value) - set(names):
            message = "data in it names a secret that the step does not use"
            raise HouseError(FailureCode.SERVICE_BAD_REQUEST, message)
        return {name: self.resolve(item) for name, item in value.items()} if names else value

    def mask(self, text: str) -> str:
        """`text` with each secret in it, plain, percent-encoded, JSON-escaped or in base64, as ***.

        Letters match in either case: hosts are lower-case, and so is some percent-encoding.
        """
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def masked(self, value: JsonValue) -> JsonValue:
        """`value` with every text in it masked, keys too."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, dict):
            return {self.mask(key): self.masked(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.masked(inner) for inner in value]
        return value

    def _value(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise HouseError(
                FailureCode.SERVICE_BAD_REQUEST, f"secret {name!r} is not set", evidence={"secret": name}
            ) from None

    def _part(self, part: JsonValue) -> str:
        name = _secret_name(part)
        if name is not None:
            return self._value(name)
        if isinstance(part, str):
            return part
        if isinstance(part, int | float) and not isinstance(part, bool):
            return json.dumps(part)
        raise HouseError(FailureCode.SERVICE_BAD_REQUEST, f"{TEXT} joins texts, numbers and secrets only")


def secret_names(value: JsonValue) -> frozenset[str]:
    """Names of the secrets that `value` asks for, anywhere inside."""
    return frozenset(_names(value))


def _names(value: JsonValue) -> Iterator[str]:
    name = _secret_name(value)
    if name is not None:
        yield name
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _secret_name(value: JsonValue) -> str | None:
    if isinstance(value, dict) and len(value) == 1:
        name = value.get(SECRET)
        return name if isinstance(name, str) else None
    return None


def _text_parts(value: JsonValue) -> list[JsonValue] | None:
    if isinstance(value, dict) and len(value) == 1:
        parts = value.get(TEXT)
        return parts if isinstance(parts, list) else None
    return None


def _forms(value: str) -> Iterator[str]:
    """How a value may look in a text."""
    yield value
    yield from (quote(value, safe=""), quote(value), quote_plus(value))
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    raw = value.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        yield from (whole, whole.rstrip("="))
        # Inside a longer text, as in `user:secret`, only the middle of its base64 is the same at each alignment.
        for shift in range(3):
            text = encode(bytes(shift) + raw).decode()
            core = text[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
            if len(core) >= SHORTEST_CORE:
                yield core
