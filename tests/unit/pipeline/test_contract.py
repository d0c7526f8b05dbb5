"""The schema contract: new columns, missing columns and other types, by each action."""

import pytest

from tests.unit.pipeline.tables import columns
from towpath.contracts.pipeline.schema import SchemaAction, SchemaChange, SchemaContract
from towpath.contracts.pipeline.tracing import ColumnUse
from towpath.policy.pipeline.contract import common_type, decide
from towpath.policy.pipeline.drift import impact_notes, likely_renames

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


@pytest.mark.parametrize(
    ("typed", "action", "kept", "refused"),
    [
        (False, SchemaAction.FREEZE, "decimal", False),
        (True, SchemaAction.FREEZE, "decimal", True),
        (True, SchemaAction.EVOLVE, "text", False),
    ],
)
def test_text_in_place_of_a_number(typed: bool, action: SchemaAction, kept: str, refused: bool) -> None:
    """Files of text hold every type; a text in a file that knows types is one."""
    seen = columns("id:integer amount note")
    found = decide(SchemaContract(types=action), DECLARED, seen, typed=typed)

    assert (found.columns[1].type, bool(found.refused)) == (kept, refused)


def test_objects_may_lack_a_field() -> None:
    """What the first objects lack may come later: that alone ends no frozen contract, unless it must not be null."""
    contract = SchemaContract(columns=SchemaAction.FREEZE)

    assert decide(contract, DECLARED, columns("id:integer amount:decimal(10,2)"), sampled=True).refused == ()
    assert [one.column for one in decide(contract, DECLARED, columns("note"), sampled=True).refused] == ["id"]


@pytest.mark.parametrize(
    ("seen", "renames"),
    [
        ("id amounts note", [("amount", "amounts")]),
        ("id Amount note", [("amount", "Amount")]),
        ("id total note", [("amount", "total")]),
        ("id note total other", []),
        ("id amount note extra", []),
        ("id note", []),
    ],
    ids=["letters", "case", "place", "several", "only-new", "only-gone"],
)
def test_likely_renames(seen: str, renames: list[tuple[str, str]]) -> None:
    """A column that is gone and one that is new are told as a likely rename where letters or place say so."""
    assert likely_renames(columns("id amount note"), columns(seen)) == renames


def test_the_impact_of_changes_is_told() -> None:
    """For each changed column what comes from it, and whether it decides about rows."""
    changes = tuple(
        SchemaChange(kind=kind, column=column, action=SchemaAction.EVOLVE, message="")
        for kind, column in (("new_column", "extra"), ("missing_column", "amount"), ("type", "id"))
    )
    uses = (
        ColumnUse(source="orders", column="extra"),
        ColumnUse(source="orders", column="amount", makes=("total", "net")),
        ColumnUse(source="orders", column="id", makes=("key",), decides=True),
    )

    assert list(impact_notes({"orders": changes}, uses)) == [
        "orders.extra is new: nothing downstream reads it",
        "orders.amount is gone: target columns total, net come from it",
        "orders.id has another type: target columns key come from it; it decides which rows there are",
    ]
