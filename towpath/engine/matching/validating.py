"""Values against JSON Schemas that come from outside. Patterns in them run on RE2, and share one budget of work."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeGuard, cast

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry

from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.matching.bounding import MOST_STEPS, Keyword, counted, unique_items
from towpath.engine.matching.dialect import PatternError
from towpath.engine.matching.patterns import MOST_WORK, read_pattern

Errors = Iterator[ValidationError]
Place = tuple[str | int, ...]
NOTHING_OUTSIDE: Final[Registry[Any]] = Registry()
"""References of a schema lead to places in it; nothing is fetched."""
LITERAL = frozenset({"const", "enum", "default", "examples"})
"""Keywords whose values are data, not schemas."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_DEPTH = 50
"""Names and numbers on the way to a part: 25 objects within each other. jsonschema gives up at about 160."""
MOST_PARTS = 5_000
"""Objects of a schema: a check of as many takes a second."""
MOST_OF_DOCUMENTS = 100_000
"""Of a schema of an OpenAPI document, which counts its own parts as it is fetched."""
MIXED = "unevaluatedProperties beside patternProperties"


def errors_of(schema: Any, value: Any, *, bounded: bool = True, largest: int = MOST_PARTS) -> Errors:
    """What breaks the schema, as it is found.

    Without `bounded` it is read as before December 2026. Raises NotMatchedError where a pattern is not taken, or the
    value is too much work; Unresolvable for a reference
    that leads nowhere, and RecursionError for one that leads to itself.
    """
    read = _in_one_dialect(schema, largest) if bounded else schema
    steps = MOST_STEPS if bounded else math.inf
    checker = _VALIDATOR(read, registry=NOTHING_OUTSIDE, format_checker=_Work(read, steps))
    return cast("Errors", checker.iter_errors(value))


def broken(schema: Any, value: Any) -> Iterator[str]:
    """The same for a schema of a document, in words: where and by which keyword, without anything of the value."""
    try:
        for error in errors_of(schema, value, largest=MOST_OF_DOCUMENTS):
            yield f"{error.json_path} breaks {error.validator!s}"
    except NotMatchedError as error:
        yield f"it {error}"
    except RecursionError:
        yield "it is nested too deeply"


def schema_error(schema: Any) -> SchemaError | None:
    """What is wrong with the schema itself, but for its patterns. Raises RecursionError."""
    try:
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        return error
    return None


def pattern_problem(schema: Any) -> tuple[Place, PatternError] | None:
    """The first pattern of a schema that is not taken, and its place."""
    for place, text in _texts_of(schema, frozenset({"pattern"})):
        try:
            read_pattern(text)
        except PatternError as error:
            return place, error
    if has_keyword(schema, "unevaluatedProperties") and has_keyword(schema, "patternProperties"):
        return (), PatternError(f"it has {MIXED}", "name the properties, or close the schema by additionalProperties")
    return None


def references_in(schema: Any) -> Iterator[tuple[Place, str]]:
    """Where a schema refers to another place, and by what."""
    return _texts_of(schema, frozenset({"$ref", "$dynamicRef"}))


def has_keyword(schema: Any, keyword: str) -> bool:
    return any(keyword in fields for _, fields in _parts(schema))


def _texts_of(schema: Any, keywords: frozenset[str]) -> Iterator[tuple[Place, str]]:
    """The texts of keywords anywhere in a schema; where `pattern` is one, the names in patternProperties are, too."""
    for place, fields in _parts(schema):
        yield from (((*place, name), text) for name, text in fields.items() if name in keywords and _is_text(text))
        if "pattern" in keywords:
            named = as_object(fields.get("patternProperties")) or {}
            yield from (((*place, "patternProperties", text), text) for text in named)


def _parts(schema: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every object in a schema that is not data, with its place."""
    for place, value in _values(schema):
        fields = as_object(value)
        if fields is not None:
            yield place, fields


def _values(schema: Any) -> Iterator[tuple[Place, Any]]:
    waiting: list[tuple[Place, Any]] = [((), schema)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        fields = as_object(value) or {}
        waiting.extend(((*place, name), inner) for name, inner in fields.items() if name not in LITERAL)
        waiting.extend(((*place, index), inner) for index, inner in enumerate(as_list(value) or []))


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str)


class NotMatchedError(ValueError):
    """Whether a value keeps its schema is not known. The message holds nothing of the value."""


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a schema is not taken whatever the value is: a word for it, its place, what it is and what helps."""

    kind: Literal["dialect", "too-deep", "too-large"]
    place: Place
    what: str
    mend: str


def schema_excess(schema: Any, largest: int = MOST_PARTS) -> Excess | None:
    """The first excess of a schema. It looks no further than the bounds."""
    parts = 0
    for place, value in _values(schema):
        fields = as_object(value)
        parts += fields is not None
        if len(place) > MOST_DEPTH and isinstance(value, (dict, list, tuple)):
            return Excess("too-deep", place[:1], f"that is nested more than {MOST_DEPTH} deep", "use $defs and $ref")
        if parts > largest:
            return Excess("too-large", (), f"of more than {largest:,} parts", "say less, or use $defs and $ref")
        named = (fields or {}).get("$schema")
        if _is_text(named) and named.rstrip("#") != DIALECT:
            mend = f"leave $schema out, or write {DIALECT}"
            return Excess("dialect", (*place, "$schema"), "of another dialect", mend)
    return None


def _in_one_dialect(schema: Any, largest: int) -> Any:
    """Without `$schema`, for which jsonschema would leave our keywords. Raises UnboundedError for an excess."""
    excess = schema_excess(schema, largest)
    if excess is not None:
        raise UnboundedError(f"has a schema {excess.what}: {excess.mend}")
    return _without_dialect(schema) if has_keyword(schema, "$schema") else schema


def _without_dialect(schema: Any) -> Any:
    fields = as_object(schema)
    if fields is not None:
        kept = {name: inner for name, inner in fields.items() if name != "$schema" or not _is_text(inner)}
        return {name: inner if name in LITERAL else _without_dialect(inner) for name, inner in kept.items()}
    items = as_list(schema)
    return schema if items is None else [_without_dialect(inner) for inner in items]


class UnboundedError(NotMatchedError):
    """A schema that is too much for its value, or that leaves the keywords whose work is counted."""


class _Work(FormatChecker):
    """What is left of the budgets of one validation. It asserts no format; jsonschema hands it to every keyword."""

    def __init__(self, schema: Any, steps: float) -> None:
        super().__init__(formats=())
        self.left = MOST_WORK
        self._steps = steps
        self._schema = schema

    @cached_property
    def has_named_patterns(self) -> bool:
        return has_keyword(self._schema, "patternProperties")

    def spend(self, steps: int) -> None:
        """Raises UnboundedError."""
        self._steps -= steps
        if self._steps < 0:
            raise UnboundedError(
                f"takes more than {MOST_STEPS:,} steps of its schema: give less, or say less by anyOf, oneOf and $ref"
            )

    def is_in(self, pattern: str, text: str) -> bool:
        """Raises NotMatchedError."""
        try:
            read = read_pattern(pattern)
        except PatternError as error:
            raise NotMatchedError(f"has a pattern in its schema that is not taken: {error.what}") from None
        self.left -= read.work(text)
        if self.left < 0:
            raise NotMatchedError("is too long for the pattern in its schema")
        return read.is_in(text)


def _pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Errors:
    del schema
    if not validator.is_type(instance, "string"):
        return
    if not _work(validator).is_in(wanted, instance):
        yield ValidationError("does not match its pattern")


def _pattern_properties(validator: Any, wanted: dict[str, Any], instance: Any, schema: Any) -> Errors:
    del schema
    if not validator.is_type(instance, "object"):
        return
    for pattern, inner in wanted.items():
        for name in [name for name in instance if _work(validator).is_in(pattern, name)]:
            yield from validator.descend(instance[name], inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), list(schema.get("patternProperties", {}))
    extra = [
        name
        for name in instance
        if name not in known and not any(_work(validator).is_in(pattern, name) for pattern in patterns)
    ]
    if validator.is_type(wanted, "object"):
        for name in extra:
            yield from validator.descend(instance[name], wanted, path=name)
    elif not wanted and extra:
        yield ValidationError(f"Additional properties are not allowed ({len(extra)} unexpected)")


def _unevaluated_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
    """jsonschema itself would look for patternProperties by the patterns of Python."""
    if _work(validator).has_named_patterns:
        raise NotMatchedError(f"has {MIXED} in its schema, which is not taken")
    yield from Draft202012Validator.VALIDATORS["unevaluatedProperties"](validator, wanted, instance, schema)


def _work(validator: Any) -> _Work:
    return validator.format_checker


_KEYWORDS = cast("dict[str, Keyword]", dict(Draft202012Validator.VALIDATORS))
_OWN: dict[str, Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "unevaluatedProperties": _unevaluated_properties,
    "uniqueItems": unique_items(_work),
}
_VALIDATOR = cast(
    "type[Draft202012Validator]",
    validators.extend(
        Draft202012Validator,
        {keyword: counted(keyword, check, _work) for keyword, check in (_KEYWORDS | _OWN).items()},
    ),
)
