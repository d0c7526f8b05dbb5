"""YAML 1.2 or JSON text to plain values, with the place of each kept, and hostile text refused early.

The parser's events are read one by one, so depth, size and aliases are bounded before anything is built.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

from ruamel.yaml import YAML, cyaml
from ruamel.yaml.error import YAMLError

from towpath.engine.language.diagnostics import Diagnostic, Path, Severity, path_text
from towpath.engine.language.shapes import item

MAX_BYTES = 1_000_000
MAX_NESTING = 60
MAX_VALUES = 50_000
MAX_KEY = 200
MAX_CAREFUL = 100_000
OLD = ("found unexpected ':'", "found invalid Unicode character escape")
"""Complaints of the fast parser, which is of YAML 1.1, about what YAML 1.2 and JSON allow: addresses and times in
braces, characters in two escapes. The slow parser then reads the text, up to a size that it can do in time."""
MOST_KEPT = 250
"""Problems of each severity: nobody reads more, and a hostile text could make millions."""

LEADING_ZERO = re.compile(r"\b0[0-9]+\b")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_UNQUOTED = re.compile(r"^(?P<lead>[^#'\"|>]*?[:-]\s+)(?P<template>\{\{.*)$")
_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    spelling: value
    for word, value in (("true", True), ("false", False))
    for spelling in (word, word.title(), word.upper())
}
_WORD = re.compile(r"[\w.?\[({!=<>+*/%-]{1,40}")
MOST_LINES = 5_000
_QUOTE_IT = 'quote the template: "{{ … }}"'


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, from 1. `text_line` and `text_column` are where the text of a string begins."""

    line: int
    column: int
    length: int
    text_line: int
    text_column: int


_START = Place(1, 1, 1, 1, 1)


@dataclass
class Source:
    """A text as values, None when it could not be read at all. `unread` are ids of steps that are there, but wrong."""

    text: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict[Path, Place])
    keys: dict[Path, Place] = field(default_factory=dict[Path, Place])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    unread: set[str] = field(default_factory=set[str])
    stored: bool = False
    """Published earlier, perhaps in an earlier version of the language: fields that it had then are left out."""
    _kept: dict[Severity, int] = field(default_factory=dict[Severity, int])

    @property
    def is_full(self) -> bool:
        """There are so many errors that it is of no use to look for more."""
        return self._kept.get("error", 0) >= MOST_KEPT

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The place of a value, or of its key; of the nearest parent for what has none of its own."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, _START)

    def report(
        self,
        path: Path,
        code: str,
        what: str,
        mend: str = "",
        *,
        at: int | None = None,
        key: bool = False,
        severity: Severity = "error",
    ) -> None:
        """Add a problem, up to a limit. `at` is an offset into the text of the string at `path`."""
        self._kept[severity] = self._kept.get(severity, 0) + 1
        if self._kept[severity] > MOST_KEPT:
            return
        place = self.place(path, key=key)
        line, column, length = place.line, place.column, place.length
        if at is not None:
            line, column = self._inside(path, place, at)
            length = 1
        self.diagnostics.append(Diagnostic(line, column, code, what, mend, severity, length, path_text(path)))

    def _inside(self, path: Path, place: Place, at: int) -> tuple[int, int]:
        """Where a character of a string stands in the text: found by the word there, since escapes and folded lines
        make the one shorter than the other.
        """
        value = str(self.value_at(path))
        word = _WORD.match(value, at)
        if word is None:
            return place.text_line, place.text_column + (0 if "\n" in value[:at] else at)
        left, begin = value.count(word.group(), 0, at), place.text_column - 1
        for number in range(place.text_line, min(len(self.lines), place.text_line + MOST_LINES) + 1):
            line = self.lines[number - 1]
            count = line.count(word.group(), begin)
            if left < count:
                for _ in range(left):
                    begin = line.index(word.group(), begin) + len(word.group())
                return number, line.index(word.group(), begin) + 1
            left, begin = left - count, 0
        return place.text_line, place.text_column

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def value_at(self, path: Path) -> Any:
        """The value at a path; None where there is none."""
        value = self.value
        for part in path:
            value = item(value, part)[1]
        return value


EventKind = Literal["document", "scalar", "alias", "list", "mapping", "end"]
_KINDS: dict[str, EventKind] = {
    "DocumentStartEvent": "document",
    "ScalarEvent": "scalar",
    "AliasEvent": "alias",
    "SequenceStartEvent": "list",
    "MappingStartEvent": "mapping",
    "SequenceEndEvent": "end",
    "MappingEndEvent": "end",
}


class _Event(NamedTuple):
    """What is used of the parser's events, with places from 1."""

    kind: EventKind
    text: str
    style: str | None
    anchor: str
    tag: str | None
    line: int
    column: int
    length: int


def _fast_events(text: str) -> Iterator[Any]:
    parser = cast("Callable[[str], Any]", vars(cyaml)["CParser"])(text)
    while parser.check_event():
        yield parser.get_event()


def _careful_events(text: str) -> Iterator[Any]:
    return iter(cast("Any", YAML(typ="safe", pure=True)).parse(text))


def _events(text: str, *, careful: bool) -> Iterator[_Event]:
    for event in _careful_events(text) if careful else _fast_events(text):
        kind = _KINDS.get(type(event).__name__)
        if kind is not None:
            start, end = event.start_mark, event.end_mark
            length = max(1, end.column - start.column) if end.line == start.line else 1
            yield _Event(
                kind,
                _paired(getattr(event, "value", None) or ""),
                getattr(event, "style", None) or None,
                getattr(event, "anchor", None) or "",
                getattr(event, "tag", None),
                start.line + 1,
                start.column + 1,
                length,
            )


def _paired(text: str) -> str:
    """Halves of characters that JSON writes as two escapes, put together. Raises UnicodeDecodeError for a lone one."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")


class _RefusedError(Exception):
    """The text is not read any further."""


def read_source(text: str | bytes) -> Source:
    """The text as values with places. What is wrong is in `diagnostics`; several problems are told at once."""
    if len(text) > MAX_BYTES:
        limit = Diagnostic(1, 1, "source.too-large", f"the text is longer than {MAX_BYTES:,} bytes", "split it")
        return Source("", diagnostics=[limit])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = text[: error.start].count(b"\n") + 1
            problem = Diagnostic(line, 1, "source.encoding", "the text is not UTF-8", "save it as UTF-8")
            return Source("", diagnostics=[problem])
    source = Source(text)
    error = _compose(source, careful=False)
    if error is not None and len(text) <= MAX_CAREFUL and str(getattr(error, "problem", "")).startswith(OLD):
        source = Source(text)
        error = _compose(source, careful=True)
    if error is not None:
        _syntax(source, error)
    return source


def _compose(source: Source, *, careful: bool) -> Exception | None:
    """What is wrong with the text as YAML; the rest is reported."""
    try:
        _Composer(source, careful=careful).compose()
    except _RefusedError:
        source.value = None
    except (YAMLError, UnicodeError) as error:
        source.value = None
        return error
    return None


class _Composer:
    def __init__(self, source: Source, *, careful: bool) -> None:
        self._source = source
        self._events = _events(source.text, careful=careful)
        self._values = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def compose(self) -> None:
        documents = 0
        for event in self._events:
            if event.kind != "document":
                self._source.value = self._node(event, ())
                continue
            documents += 1
            if documents > 1:
                what = "a second document begins here"
                raise self._refuse(event, "source.documents", what, "one file, one document")
        if documents == 0:
            raise self._refuse(None, "source.empty", "there is nothing in it", "begin with id, version and steps")

    def _node(self, event: _Event, path: Path) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refuse(event, "source.too-many", f"more than {MAX_VALUES:,} values", "split it")
        if len(path) > MAX_NESTING:
            raise self._refuse(event, "source.too-deep", f"nested deeper than {MAX_NESTING}", "flatten it")
        self._source.places[path] = self._place(event)
        if event.kind == "alias":
            return self._alias(event)
        if event.tag is not None:
            self._report(event, path, "source.tag", f"tags ({event.tag[:40]}) have no meaning here", "leave it out")
        before = self._values
        if event.kind == "scalar":
            value = self._scalar(event, path)
        else:
            value = self._list(path) if event.kind == "list" else self._mapping(path)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._values - before + 1)
        return value

    def _list(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while (event := next(self._events)).kind != "end":
            found.append(self._node(event, (*path, len(found))))
        return found

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (event := next(self._events)).kind != "end":
            key = self._key(event, path)
            place = (*path, key)
            if key in found:
                self._report(event, place, "source.duplicate-key", f"{key!r} is there twice", "leave one of them out")
            self._source.keys[place] = self._place(event)
            found[key] = self._node(next(self._events), place)
        return found

    def _key(self, event: _Event, path: Path) -> str:
        if event.kind == "mapping":
            raise self._refuse(event, "source.unquoted-template", "this begins a mapping, not a template", _QUOTE_IT)
        if event.kind != "scalar":
            raise self._refuse(event, "source.key", "a name must be a plain text", "write name: value")
        if len(event.text) > MAX_KEY:
            raise self._refuse(event, "source.key", f"a name is longer than {MAX_KEY} characters", "shorten it")
        if event.text == "<<" and event.style is None:
            self._report(event, path, "source.merge-key", "merge keys (<<) are not part of YAML 1.2", "write it out")
        return event.text

    def _alias(self, event: _Event) -> Any:
        if event.anchor not in self._anchors:
            raise self._refuse(event, "source.alias", f"*{event.anchor} is not defined above", "define it with &")
        value, size = self._anchors[event.anchor]
        self._values += size
        if self._values > MAX_VALUES:
            raise self._refuse(event, "source.too-many", f"more than {MAX_VALUES:,} values by aliases", "write it out")
        return value

    def _scalar(self, event: _Event, path: Path) -> Any:
        text = event.text
        if event.style:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            number = 2**63 if len(text) > 20 else int(text, 0 if text[:2] in {"0x", "0o"} else 10)
            if -(2**63) <= number < 2**63:
                if LEADING_ZERO.fullmatch(text.lstrip("+-")):
                    self._report(event, path, "source.leading-zero", *leading_zeros(text, number), severity="warning")
                return number
        elif not _FLOAT.fullmatch(text):
            return text
        elif math.isfinite(number := float(text)):
            return number
        self._report(event, path, "source.number", f"{text[:30]} is too large", "quote it if it is a text")
        return 0

    def _place(self, event: _Event) -> Place:
        line, column = event.line, event.column
        if event.style in {"|", ">"}:
            first = next((text for text in self._source.lines[line:] if text.strip()), "")
            return Place(line, column, 1, line + 1, len(first) - len(first.lstrip()) + 1)
        return Place(line, column, event.length, line, column + (1 if event.style else 0))

    def _report(
        self, event: _Event, path: Path, code: str, what: str, mend: str, *, severity: Severity = "error"
    ) -> None:
        problem = Diagnostic(event.line, event.column, code, what, mend, severity, path=path_text(path))
        self._source.diagnostics.append(problem)

    def _refuse(self, event: _Event | None, code: str, what: str, mend: str) -> _RefusedError:
        line, column = (1, 1) if event is None else (event.line, event.column)
        self._source.diagnostics.append(Diagnostic(line, column, code, what, mend))
        return _RefusedError()


def leading_zeros(text: str, number: int) -> tuple[str, str]:
    """What is told of a number that is written with zeros before it, and the mend."""
    what = f"{text[:30]} is the number {number}, without its zeros"
    return what, "quote it if it is a text, as a code or a file mode is; else leave the zeros out"


def _syntax(source: Source, error: Exception) -> None:
    """The parser's complaint; where a template stands unquoted near it, that is the cause."""
    mark: Any = getattr(error, "problem_mark", None)
    line, column = (1, 1) if mark is None else (int(mark.line) + 1, int(mark.column) + 1)
    lines = source.lines
    for number in (line, line - 1):
        found = (
            _UNQUOTED.match(lines[number - 1]) if 1 <= number <= len(lines) and len(lines[number - 1]) < 1000 else None
        )
        if found is not None:
            place = found.start("template") + 1
            what = "an unquoted template begins a mapping"
            source.diagnostics.append(Diagnostic(number, place, "source.unquoted-template", what, _QUOTE_IT))
            return
    mend = "check indentation, quotes and brackets"
    if str(getattr(error, "problem", "")).startswith(OLD[0]):
        mend = "quote a text with a colon in it"
    elif 1 <= line <= len(lines) and lines[line - 1][column - 1 : column] == "\t":
        mend = "indent with spaces: YAML allows no tabs there"
    what = str(getattr(error, "problem", None) or "the text holds characters that YAML does not allow")[:200]
    source.diagnostics.append(Diagnostic(line, column, "source.syntax", what, mend))
