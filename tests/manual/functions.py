"""What expressions may be made of: each function and operator with its meaning and an example that is computed.

`functions.yaml` says it; `undescribed` names what is allowed and not in it yet.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import duckdb
from pydantic import BaseModel, TypeAdapter

from towpath.dataplane.core import macros
from towpath.dataplane.core.columns import statement
from towpath.dataplane.specification.functions import CALLS, NAMES
from towpath.dataplane.specification.guard import guard
from towpath.engine.language.source import read_source

FILE = Path(__file__).with_suffix(".yaml")


class DescribedFunction(BaseModel):
    """`names` are those of the allow-list that it is about, with blanks between; `call` is how it is written."""

    names: str
    call: str
    meaning: str
    example: str


@cache
def topics() -> Mapping[str, tuple[DescribedFunction, ...]]:
    """In the order of the file."""
    given = read_source(FILE.read_text(encoding="utf-8")).value
    return TypeAdapter(dict[str, tuple[DescribedFunction, ...]]).validate_python(given)


def computed(example: str) -> str:
    """What the engine of a pipeline makes of an example that reads no column."""
    with duckdb.connect(":memory:", config={"threads": 1}) as engine:
        macros.define(engine)
        engine.execute("SET TimeZone = 'UTC'")
        row = engine.execute(statement("SELECT CAST({sql} AS VARCHAR)", sql=guard(example, ()).sql)).fetchone()
    return "null" if row is None or row[0] is None else str(row[0])


def undescribed() -> list[str]:
    told = {name for functions in topics().values() for function in functions for name in function.names.split()}
    return sorted(CALLS.keys() - told)


def other_names() -> list[tuple[str, str]]:
    """Names that stand for a function of another name."""
    return sorted((other, name) for other, name in NAMES.items() if other.isidentifier() and name.isidentifier())
