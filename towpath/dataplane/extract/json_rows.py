"""Rows from JSON objects, each value as text: texts as they are, lists and objects as JSON, null as null.

Numbers keep their digits up to double precision, whole ones beyond it as well.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from towpath.contracts.core.wire import json_object
from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core.arrow import ArrowTable, compute, pa
from towpath.dataplane.core.columns import ROW, literal, quoted
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.quarantine import LINE
from towpath.dataplane.extract.decoding import MARK, as_read, bad_bytes
from towpath.dataplane.extract.intake import RowIntake
from towpath.dataplane.extract.lines import LONGEST_RECORD
from towpath.policy.pipeline.naming import column_names, source_names

NUL = "\\u0000"
LONGEST_ITEM = 8 * LONGEST_RECORD
"""Characters. An item of an array that does not end within them is none."""
_DECODER = json.JSONDecoder()
_WHITE = " \t\r\n"


class Located(NamedTuple):
    """One object's text, and where it lies in its origin."""

    row: int
    text: str


class JsonRows:
    """Takes objects apart into the columns that are asked for; names of others are remembered."""

    def __init__(self, columns: Sequence[Column], intake: RowIntake, encoding: str = "utf-8") -> None:
        self._intake = intake
        self._encoding = encoding
        known = {name for column in columns for name in source_names(column)}
        self._known = pa.array(sorted(known), type=pa.string())
        self._new: set[str] = set()
        self._columns = [(column.name, source_names(column)) for column in columns]
        paths = [literal(json_path(name, nested=False)) for _, names in self._columns for name in names]
        is_object = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"
        self._objects = f"{is_object} AS is_object, {quoted(ROW)}, line"
        # One call for all columns: each call takes the whole text apart.
        values = f"json_extract_string(line, [{', '.join(paths)}])" if paths else "[]::VARCHAR[]"
        self._values = f"json_keys(line) AS keys, {quoted(ROW)}, {values} AS found"

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Names that objects have and the columns do not, as columns would be called."""
        return column_names(sorted(self._new))

    def table(self, objects: Sequence[Located]) -> ArrowTable:
        """The rows of the texts that are objects; the others are rejected."""
        good = [one for one in objects if not self._unreadable(one)]
        rows, texts = pa.array([one.row for one in good], pa.int64()), pa.array([one.text for one in good], pa.string())
        table = pa.table({"line": texts, ROW: rows})
        checked = self._intake.engine.from_arrow(table).project(self._objects).to_arrow_table()
        bad = checked.filter(compute.invert(checked["is_object"]))
        for row, text in zip(bad[ROW].to_pylist(), bad["line"].to_pylist(), strict=True):
            self._reject("json", "not a JSON object", Located(row, text))
        taken = self._intake.engine.from_arrow(checked.filter(checked["is_object"])).project(self._values)
        found = taken.to_arrow_table()
        keys = compute.unique(compute.list_flatten(found["keys"]))
        self._new.update(keys.filter(compute.invert(compute.is_in(keys, self._known))).to_pylist())
        return self._split(found)

    def _split(self, found: ArrowTable) -> ArrowTable:
        """A column for each place of the list of values; of two names for a column, the first that has a value."""
        taken: dict[str, Any] = {}
        place = 0
        for column, names in self._columns:
            values = [compute.list_element(found["found"], place + number) for number in range(len(names))]
            taken[column] = values[0] if len(values) == 1 else compute.coalesce(*values)
            place += len(names)
        return pa.table(taken | {ROW: found[ROW]})

    def _unreadable(self, one: Located) -> bool:
        if MARK in one.text:
            self._reject("encoding", f"byte {bad_bytes(one.text)[0]} is not {self._encoding} text", one)
        elif NUL in one.text:
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
    text, at, begun, whole = "", 0, False, False
    stream = iter(pieces)
    while True:
        at = _skip(text, at, _WHITE + "," if begun else _WHITE)
        if at < len(text) and not begun:
            if text[at] != "[":
                raise SourceFormatError(f"{name}: not a JSON array; one object a line is type ndjson")
            begun, at = True, at + 1
            continue
        if at < len(text) and text[at] == "]":
            return
        try:
            _, end = _DECODER.raw_decode(text, at)
            # A number at the end of a piece may go on in the next one.
            if end < len(text) or whole:
                yield text[at:end]
                at = end
                continue
        except ValueError:
            if whole or len(text) - at > LONGEST_ITEM:
                raise SourceFormatError(f"{name}: its array breaks off, or an item in it is not JSON") from None
        piece = next(stream, None)
        whole = piece is None
        text, at = text[at:] + (b"" if piece is None else piece).decode(), 0


def _skip(text: str, at: int, characters: str) -> int:
    while at < len(text) and text[at] in characters:
        at += 1
    return at


def json_path(names: str, *, nested: bool = True) -> str:
    """The engine's path of a name, or of names with dots between them; of nothing, the document itself."""
    parts = names.split(".") if nested else [names]
    escaped = [part.replace("\\", "\\\\").replace('"', '\\"') for part in parts if part]
    return "$" + "".join(f'."{part}"' for part in escaped)
