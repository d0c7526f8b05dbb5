"""Rows from JSON objects, each value as text: texts as they are, numbers in their digits, lists and objects as JSON."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from towpath.contracts.core.wire import json_object
from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core.arrow import ArrowArray, ArrowTable, pa
from towpath.dataplane.core.columns import ROW
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.quarantine import LINE
from towpath.dataplane.extract.decoding import MARK, as_read, bad_bytes
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.json_values import (
    JsonError,
    exact_object_of,
    object_of,
    skip,
    text_of,
    value_end,
    written,
)
from towpath.dataplane.extract.lines import LONGEST_RECORD
from towpath.dataplane.specification import texts
from towpath.policy.pipeline.naming import column_names, keys_of

NUL = "\\u0000"
_NUL = re.compile(texts.NUL)
LONGEST_ITEM = 8 * LONGEST_RECORD
"""Characters. An item of an array that does not end within them is none."""


class Located(NamedTuple):
    """One object's text, and where it lies in its origin."""

    row: int
    text: str


class JsonRows:
    """Takes objects apart into the columns that are asked for; names of others are remembered.

    A column that is declared as JSON has JSON in it, a text in its quotes; the others have texts.
    """

    def __init__(self, columns: Sequence[Column], intake: RowIntake, encoding: str = "utf-8") -> None:
        self._intake = intake
        self._encoding = encoding
        keys = keys_of(columns)
        self._known = {name for names in keys for name in names}
        self._new: set[str] = set()
        self._wanted = tuple(columns)
        self._read = exact_object_of if intake.json_columns else object_of
        self._columns = [
            (column.name, names, column.name in intake.json_columns)
            for column, names in zip(columns, keys, strict=True)
        ]

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Names that objects have and the columns do not, as columns would be called."""
        known = [column.description or column.name for column in self._wanted]
        return column_names([*known, *sorted(self._new)], self._wanted)[len(known) :]

    def table(self, objects: Sequence[Located]) -> ArrowTable:
        """The rows of the texts that are objects; the others are rejected."""
        rows: list[int] = []
        found: list[dict[str, Any]] = []
        for one in objects:
            value = None if self._unreadable(one) else self._object(one)
            if value is not None:
                rows.append(one.row)
                found.append(value)
        for value in found:
            if not self._known.issuperset(value):
                self._new.update(value.keys() - self._known)
        taken: dict[str, Any] = {
            column: self._values(found, names, as_json=as_json) for column, names, as_json in self._columns
        }
        return pa.table(taken | {ROW: pa.array(rows, pa.int64())})

    def _object(self, one: Located) -> dict[str, Any] | None:
        try:
            return self._read(one.text)
        except JsonError as error:
            self._reject("json", str(error), one)
            return None

    @staticmethod
    def _values(found: list[dict[str, Any]], names: Sequence[str], *, as_json: bool) -> ArrowArray:
        """Of two names for a column, the first that an object has, be it null."""
        if len(names) == 1:
            values = [value.get(names[0]) for value in found]
        else:
            values = [next((value[name] for name in names if name in value), None) for value in found]
        if as_json:
            values = [None if one is None else written(one) for one in values]
        try:
            return pa.array(values, pa.string())
        except pa.ArrowTypeError:
            return pa.array([text_of(one) for one in values], pa.string())

    def _unreadable(self, one: Located) -> bool:
        if MARK in one.text:
            self._reject("encoding", f"byte {bad_bytes(one.text)[0]} is not {self._encoding} text", one)
        elif NUL in one.text and _NUL.search(one.text):
            self._reject("encoding", "holds the character NUL", one)
        elif len(one.text) > LONGEST_RECORD:
            self._reject("json", "longer than 1 MiB", one)
        else:
            return False
        return True

    def _reject(self, rule: str, reason: str, one: Located) -> None:
        text: JsonValue = as_read(one.text[:LONGEST_RECORD], self._encoding)
        self._intake.reject(rule=rule, reason=reason, line=one.row, row={LINE: text})


def json_columns(texts: Iterable[str]) -> tuple[str, ...]:
    """The names in the objects among the texts, in the order in which they come."""
    names: dict[str, None] = {}
    for text in texts:
        names.update(dict.fromkeys(json_object(text) or ()))
    return tuple(names)


def array_items(pieces: Iterable[bytes], name: str) -> Iterator[str]:
    """The texts of the items of one JSON array, without holding the array. Raises SourceFormatError."""
    text, at, marks = "", 0, "["
    stream = iter(pieces)
    whole = False
    while True:
        at = skip(text, at)
        mark = text[at : at + 1]
        if mark and mark in marks:
            if mark == "]":
                return
            at, marks = at + 1, "]" if mark == "[" else ""
            continue
        if mark and marks == "[":
            raise SourceFormatError(f"{name}: not a JSON array; one object a line is type ndjson")
        no_comma = bool(mark) and marks == ",]"
        try:
            end = value_end(text, at)
            # A number at the end of a piece may go on in the next one.
            if not no_comma and (end < len(text) or whole):
                yield text[at:end]
                at, marks = end, ",]"
                continue
        except ValueError:
            no_comma = no_comma or whole or len(text) - at > LONGEST_ITEM
        if no_comma:
            raise SourceFormatError(f"{name}: its array breaks off, or an item in it is not JSON")
        piece = next(stream, None)
        whole = piece is None
        text, at = text[at:] + (b"" if piece is None else piece).decode(), 0
