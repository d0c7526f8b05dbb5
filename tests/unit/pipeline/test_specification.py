"""Specifications are checked before a row is read: every problem with its place and, where one is known, its mend."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.tables import Table, columns, specification
from towpath.contracts.pipeline.stages import SpecificationTask
from towpath.contracts.pipeline.transformation import Specification
from towpath.dataplane.specification.backtest import check_specification
from towpath.dataplane.specification.compile import MAX_OPERATIONS
from towpath.dataplane.specification.lineage import Origin, lineage_of

SOURCE = columns("id name price:decimal(12,2) qty:integer day:date doc:json")
TARGET = columns("id name")
OTHERS = {"people": columns("id:integer name")}

WRONG: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "unknown-column": ([{"op": "normalise", "column": "nmae", "steps": ["trim"]}], "operations.0.normalise", "column"),
    "rename-unknown": ([{"op": "rename", "columns": {"x": "y"}}], "operations.0.rename", "column"),
    "rename-onto": ([{"op": "rename", "columns": {"id": "NAME"}}], "operations.0.rename", "column"),
    "reserved": ([{"op": "rename", "columns": {"id": "__towpath_row"}}], "operations.0.rename", "column"),
    "row-number": ([{"op": "rename", "columns": {"qty": "_row"}}], "operations.0.rename", "column"),
    "no-such-cast": (
        [{"op": "cast", "column": "day", "to": {"name": "day", "type": "integer"}}],
        *("operations.0.to", "cast"),
    ),
    "formats-of-a-number": (
        [{"op": "cast", "column": "id", "to": {"name": "id", "type": "integer"}, "formats": ["%Y"]}],
        *("operations.0.to", "cast"),
    ),
    "no-format": (
        [{"op": "cast", "column": "id", "to": {"name": "id", "type": "date"}, "formats": ["%Q"]}],
        *("operations.0.to", "cast"),
    ),
    "cast-onto": (
        [{"op": "cast", "column": "id", "to": {"name": "qty", "type": "integer"}}],
        *("operations.0.cast", "column"),
    ),
    "not-text": ([{"op": "normalise", "column": "qty", "steps": ["trim"]}], "operations.0.column", "type"),
    "hostile": (
        [{"op": "derive", "column": {"name": "x", "type": "text"}, "expression": "read_text('x')"}],
        *("operations.0.expression", "not_allowed"),
    ),
    "type-of-operands": (
        [{"op": "derive", "column": {"name": "x", "type": "integer"}, "expression": "id + 1"}],
        *("operations.0.expression", "type"),
    ),
    "type-of-result": (
        [{"op": "derive", "column": {"name": "x", "type": "integer"}, "expression": "upper(id)"}],
        *("operations.0.expression", "type"),
    ),
    "binary-fraction": (
        [{"op": "derive", "column": {"name": "x", "type": "decimal"}, "expression": "price / 3"}],
        *("operations.0.expression", "inexact"),
    ),
    "too-many-decimals": (
        [{"op": "derive", "column": {"name": "x", "type": "decimal"}, "expression": "price * price"}],
        *("operations.0.expression", "inexact"),
    ),
    "filter-of-text": ([{"op": "filter", "expression": "name"}], "operations.0.expression", "type"),
    "split-onto": (
        [{"op": "split", "column": "id", "separator": ",", "into": ["a", "A"]}],
        "operations.0.split",
        "column",
    ),
    "join-unknown": (
        [{"op": "join", "source": "nobody", "on": {"id": "id"}, "columns": {}}],
        *("operations.0.source", "source"),
    ),
    "join-type": (
        [{"op": "join", "source": "people", "on": {"id": "id"}, "columns": {"name": "person"}}],
        *("operations.0.column", "type"),
    ),
    "join-on-nothing": ([{"op": "join", "source": "people", "on": {}, "columns": {}}], "operations.0.on", "join"),
    "join-onto": (
        [{"op": "join", "source": "people", "on": {"qty": "id"}, "columns": {"name": "name"}}],
        *("operations.0.join", "column"),
    ),
    "sum-of-text": (
        [{"op": "aggregate", "by": ["id"], "measures": {"n": ["sum", "name"]}}],
        "operations.0.column",
        "type",
    ),
    "unnest-number": ([{"op": "unnest", "column": "qty", "into": "x"}], "operations.0.column", "type"),
    "deduplicate-twice": ([{"op": "deduplicate", "key": ["id"]}] * 2, "operations.1", "order"),
    "deduplicate-late": (
        [{"op": "unnest", "column": "doc", "into": "x"}, {"op": "deduplicate", "key": ["id"]}],
        *("operations.1", "order"),
    ),
    "target-missing": ([{"op": "rename", "columns": {"name": "label"}}], "target.name", "missing_column"),
    "target-type": ([{"op": "rename", "columns": {"name": "x", "doc": "name"}}], "", ""),
    "too-many": ([{"op": "normalise", "column": "id", "steps": ["trim"]}] * (MAX_OPERATIONS + 1), "operations", "size"),
}


def task(*operations: dict[str, Any], target: str = "id name", source: str = "") -> SpecificationTask:
    return SpecificationTask(
        specification=specification(*operations),
        source=columns(source) if source else SOURCE,
        target=columns(target),
        others=OTHERS,
    )


def problems(root: Path, asked: SpecificationTask) -> list[tuple[str, str]]:
    work = Table(root, (), ()).work()
    return [(problem.place, problem.code) for problem in check_specification(asked, work).problems]


@pytest.mark.parametrize(("operations", "place", "code"), WRONG.values(), ids=WRONG)
def test_problems_are_told_with_their_place(
    tmp_path: Path, operations: list[dict[str, Any]], place: str, code: str
) -> None:
    """A specification that cannot run is refused before anything is read."""
    assert problems(tmp_path, task(*operations)) == ([(place, code)] if place else [])


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Whoever mends a specification mends it once."""
    operations = ({"op": "filter", "expression": "nothing"}, {"op": "normalise", "column": "x", "steps": ["trim"]})

    assert problems(tmp_path, task(*operations)) == [
        ("operations.0.expression", "column"),
        ("operations.1.normalise", "column"),
    ]


def test_a_text_is_no_number_of_the_target(tmp_path: Path) -> None:
    """The mend is the operation that is missing."""
    asked = task(target="id:integer")
    found = check_specification(asked, Table(tmp_path, (), ()).work()).problems[0]

    assert (found.place, found.code) == ("target.id", "type")
    assert '"op": "cast", "column": "id"' in found.mend


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    """The engine would take one for the other."""
    assert ("source.ID", "column") in problems(tmp_path, task(source="id ID name"))


def test_plan_is_told_from_the_operations() -> None:
    """What the process has to do before and around a transformation."""
    wanted: Specification = specification(
        {"op": "deduplicate", "key": ["id"]},
        {"op": "join", "source": "people", "on": {"id": "id"}, "columns": {}},
        {"op": "aggregate", "by": ["id"], "measures": {}},
    )

    assert (wanted.deduplicates, wanted.aggregates, wanted.joined_sources) == (True, True, ("people",))
    assert not specification().deduplicates and not specification().aggregates


def test_lineage_follows_the_operations() -> None:
    """Each target column with the source columns that it is made of, and those that decide about rows."""
    asked = task(
        {"op": "rename", "columns": {"name": "label"}},
        {"op": "cast", "column": "id", "to": {"name": "id", "type": "integer"}},
        {"op": "derive", "column": {"name": "total", "type": "decimal"}, "expression": "round(price * qty, 2)"},
        {"op": "filter", "expression": "day > DATE '2024-01-01'"},
        {"op": "join", "source": "people", "on": {"id": "id"}, "columns": {"name": "person"}, "kind": "inner"},
        target="id:integer label total:decimal person",
    )

    found = lineage_of(asked)
    rows = (Origin("orders", "day", "filter"), Origin("orders", "id", "join"), Origin("people", "id", "join"))

    assert {name: tuple(origin for origin in origins if origin not in rows) for name, origins in found.items()} == {
        "id": (Origin("orders", "id", "transformation"),),
        "label": (Origin("orders", "name", "identity"),),
        "total": (Origin("orders", "price", "transformation"), Origin("orders", "qty", "transformation")),
        "person": (Origin("people", "name", "identity"),),
    }
    assert all(set(rows) <= set(origins) for origins in found.values())


def test_a_left_join_decides_no_rows() -> None:
    """All rows stay: the keys choose the values of the columns that are added, and say nothing of the others."""
    join = {"op": "join", "source": "people", "on": {"qty": "id"}, "columns": {"name": "person"}}

    assert lineage_of(task(join, target="id person")) == {
        "id": (Origin("orders", "id", "identity"),),
        "person": (
            Origin("orders", "qty", "conditional"),
            Origin("people", "id", "conditional"),
            Origin("people", "name", "identity"),
        ),
    }
