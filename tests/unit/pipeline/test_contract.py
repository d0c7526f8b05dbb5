"""The schema contract: new columns, missing columns and other types, by each action."""

import pytest

from tests.unit.pipeline.tables import columns
from towpath.contracts.pipeline import SchemaAction, SchemaContract
from towpath.policy.pipeline.contract import common_type, decide, may_create_table

DECLARED = columns("id:integer! amount:decimal(10,2) note")


@pytest.mark.parametrize(
    ("action", "kept", "refused", "quarantined", "discarded"),
    [
        (SchemaAction.EVOLVE, "id amount note extra", [], (), ()),
        (SchemaAction.FREEZE, "id amount note", ["extra"], (), ()),
        (SchemaAction.DISCARD_VALUE, "id amount note", [], (), ()),
        (SchemaAction.DISCARD_ROW, "id amount note", [], (), ("extra",)),
        (SchemaAction.QUARANTINE_ROW, "id amount note", [], ("extra",), ()),
    ],
)
def test_new_columns(
    action: SchemaAction, kept: str, refused: list[str], quarantined: tuple[str, ...], discarded: tuple[str, ...]
) -> None:
    """A column that nobody declared comes in, ends the run, or decides over its value or its row."""
    found = decide(SchemaContract(columns=action), DECLARED, (*DECLARED, *columns("extra")))

    assert [column.name for column in found.columns] == kept.split()
    assert [change.column for change in found.refused] == refused
    assert (found.quarantine_where_set, found.discard_where_set) == (quarantined, discarded)
    assert [change.kind for change in found.changes] == ["new_column"]


@pytest.mark.parametrize(
    ("seen", "action", "refused"),
    [
        ("id:integer amount:decimal(10,2)", SchemaAction.EVOLVE, []),
        ("id:integer amount:decimal(10,2)", SchemaAction.FREEZE, ["note"]),
        ("amount:decimal(10,2) note", SchemaAction.EVOLVE, ["id"]),
    ],
    ids=["may-be-null", "frozen", "must-not-be-null"],
)
def test_missing_columns(seen: str, action: SchemaAction, refused: list[str]) -> None:
    """A column that is not there any more is null, unless it must not be."""
    found = decide(SchemaContract(columns=action), DECLARED, columns(seen))

    assert [change.column for change in found.refused] == refused
    assert found.columns == DECLARED
    assert [change.kind for change in found.changes] == ["missing_column"]


@pytest.mark.parametrize(
    ("seen", "action", "kept", "refused"),
    [
        ("id:integer amount:float note", SchemaAction.EVOLVE, "float", False),
        ("id:integer amount:decimal(12,4) note", SchemaAction.EVOLVE, "decimal", False),
        ("id:integer amount:date note", SchemaAction.EVOLVE, "text", False),
        ("id:integer amount:float note", SchemaAction.FREEZE, "decimal", True),
        ("id:integer amount:float note", SchemaAction.QUARANTINE_ROW, "decimal", False),
    ],
)
def test_other_types(seen: str, action: SchemaAction, kept: str, refused: bool) -> None:
    """The declared type gives way to one that holds both, or stays and is tried value by value."""
    found = decide(SchemaContract(types=action), DECLARED, columns(seen))

    assert found.columns[1].type == kept
    assert bool(found.refused) is refused
    assert [change.kind for change in found.changes] == ["type"]


@pytest.mark.parametrize(
    "seen", ["id amount note", "id:integer amount:decimal(8,1) note", "id:integer amount:decimal(10,2) note"]
)
def test_what_fits_is_no_change(seen: str) -> None:
    """Text carries every type, and a narrower number fits a wider one."""
    assert decide(SchemaContract(types=SchemaAction.FREEZE), DECLARED, columns(seen)).changes == ()


def test_without_a_declaration_everything_is_taken() -> None:
    """The schema is what the source has."""
    assert decide(SchemaContract(columns=SchemaAction.FREEZE), (), DECLARED).columns == DECLARED


@pytest.mark.parametrize(
    ("one", "other", "wide"),
    [
        ("v:integer", "v:integer", "v:integer"),
        ("v:integer", "v:decimal(10,2)", "v:decimal(21,2)"),
        ("v:decimal(10,2)", "v:decimal(8,4)", "v:decimal(12,4)"),
        ("v:decimal(38,0)", "v:decimal(38,38)", "v"),
        ("v:decimal", "v:float", "v:float"),
        ("v:date", "v:timestamp", "v:timestamp"),
        ("v:boolean", "v:integer", "v"),
        ("v:json", "v", "v"),
    ],
)
def test_common_types(one: str, other: str, wide: str) -> None:
    """Whichever comes first, the common type holds the values of both."""
    for left, right in ((one, other), (other, one)):
        found = common_type(columns(left)[0], columns(right)[0])

        assert (found.type, found.scale if found.type == "decimal" else 0) == (
            columns(wide)[0].type,
            columns(wide)[0].scale if columns(wide)[0].type == "decimal" else 0,
        )


def test_tables_are_made_where_they_may() -> None:
    """Only an evolving contract makes a table."""
    assert [action for action in SchemaAction if may_create_table(SchemaContract(tables=action))] == [
        SchemaAction.EVOLVE
    ]
