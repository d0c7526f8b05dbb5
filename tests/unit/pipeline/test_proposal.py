"""Proposals of specifications: what Claude is asked from, what its answer becomes, and what the stand-in finds."""

import json
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.unit.pipeline.tables import Table, columns
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Column, ColumnProfile, Profile
from towpath.contracts.pipeline.stages import BackTestTask, ProposalInput
from towpath.contracts.pipeline.transformation import (
    BackTest,
    Proposal,
    ProposedOperation,
    Specification,
    SpecificationProblem,
)
from towpath.dataplane.specification.backtest import back_test
from towpath.policy.pipeline.propose import MAX_PROBLEMS, MAX_SAMPLE, MAX_SIZE, MAX_VALUE, proposal_task, read_proposal
from towpath.standins.claude.answer import answer_to, drafted
from towpath.standins.claude.schema import strict_schema


def given(source: str, target: str, *sample: JsonObject, **more: Any) -> ProposalInput:
    of = columns(source)
    profiled = tuple(_profile(column) for column in of)
    profile = Profile(dataset="orders", rows=len(sample), columns=profiled)
    fields: dict[str, Any] = {"source": "orders", "columns": of, "profile": profile, "sample": sample}
    return ProposalInput(**fields, target=columns(target), **more)


def _profile(column: Column) -> ColumnProfile:
    return ColumnProfile(name=column.name, type=column.type, rows=1, nulls=0, distinct=1, histogram=(1,) * 20)


def proposed(*operations: tuple[str, str], unresolved: tuple[str, ...] = ()) -> Proposal:
    listed: list[ProposedOperation] = [
        ProposedOperation.model_validate({"op": op, "arguments": arguments}) for op, arguments in operations
    ]
    return Proposal(operations=listed, unresolved=[*unresolved])


def test_the_question_is_bounded() -> None:
    """However wide the rows and long the values, the prompt's input stays small."""
    row: JsonObject = {f"c{number}": "x" * 1_000 for number in range(100)}
    names = " ".join(row)
    task = proposal_task(
        given(names, "id", *([row] * 100)), (SpecificationProblem(place="a", code="b", message="c"),) * 99
    )

    assert 1 <= len(task.sample) <= MAX_SAMPLE
    assert len(str(task.sample)) <= MAX_SIZE + 20_000
    assert all(len(str(value)) <= MAX_VALUE for value in task.sample[0].values())
    assert len(task.problems) == MAX_PROBLEMS
    assert all(column.histogram == () for column in task.profile.columns)


def test_an_answer_becomes_typed_operations() -> None:
    """What nothing gives is kept as the specification's notes."""
    answer = proposed(
        ("rename", '{"columns": {"a": "b"}}'),
        ("cast", '{"column": "b", "to": {"name": "b", "type": "date"}, "formats": ["%d/%m/%Y"]}'),
        unresolved=("c: nothing gives it",),
    )

    found, problems = read_proposal("orders", answer)

    assert problems == ()
    assert found is not None
    assert [operation.op for operation in found.operations] == ["rename", "cast"]
    assert (found.source, found.notes) == ("orders", "c: nothing gives it")


@pytest.mark.parametrize(
    ("op", "arguments", "place", "message"),
    [
        ("rename", "not json", "operations.0", "one JSON object"),
        ("rename", "[1]", "operations.0", "one JSON object"),
        ("rename", '{"column": "a"}', "operations.0", "no field 'column'"),
        ("cast", '{"column": "a"}', "operations.0.to", "required"),
        ("cast", '{"column": "a", "to": {"name": "a", "type": "blob"}}', "operations.0.to.type", "Input should be"),
        ("rename", '{"columns": {"a; DROP TABLE t": "b"}}', "operations.0.columns", "pattern"),
        (
            "derive",
            '{"column": {"name": "a", "type": "text"}, "expression": ""}',
            "operations.0.expression",
            "at least",
        ),
        ("deduplicate", '{"key": []}', "operations.0.key", "at least"),
    ],
)
def test_bad_arguments_come_back_with_their_place(op: str, arguments: str, place: str, message: str) -> None:
    """Claude is asked again with what is wrong, in words that it can act on."""
    found, problems = read_proposal("orders", proposed((op, arguments)))

    assert found is None
    assert problems[0].place.startswith(place)
    assert message in problems[0].message


ORDERS = "OrderID CustomerId OrderDate Qty unit_price Mail status"
WANTED = (
    "order_id:integer! customer_id order_date:date quantity:integer unit_price:decimal email amount:decimal segment"
)
ROWS: tuple[JsonObject, ...] = tuple(
    {
        "OrderID": f" {number}",
        "CustomerId": str(number % 3),
        "OrderDate": f"2024-01-{number:02}" if number % 2 else f"{number + 12}/01/2024",
        "Qty": str(number),
        "unit_price": f"$1,{number:03}.50",
        "Mail": f"User{number}@Example.com ",
        "status": "ok",
    }
    for number in range(1, 12)
)
CUSTOMERS = columns("id segment")


def answered(wanted: ProposalInput) -> Proposal:
    """The stand-in's answer to the question, through the schema that it is asked for."""
    task = json.loads(proposal_task(wanted).model_dump_json())
    return Proposal.model_validate_json(answer_to(strict_schema(anthropic.transform_schema(Proposal)), task))


def tried(root: Path, wanted: ProposalInput, found: Specification, **related: Any) -> BackTest:
    task = BackTestTask(
        specification=found,
        source=wanted.columns,
        target=wanted.target,
        key=wanted.key,
        others=wanted.others,
        sample=wanted.sample,
        related=related,
    )
    return back_test(task, Table(root, (), ()).work())


def test_the_stand_in_proposes_what_passes_the_back_test(tmp_path: Path) -> None:
    """By names and formats alone: renamed, cleaned, cast, deduplicated, joined, and one product."""
    wanted = given(ORDERS, WANTED, *ROWS, key=("order_id",), newest_by="order_date", others={"customers": CUSTOMERS})
    found, problems = read_proposal("orders", answered(wanted))

    assert problems == ()
    assert found is not None
    assert found.notes == ""
    result = tried(tmp_path, wanted, found, customers=({"id": "1", "segment": "retail"},))
    assert result.problems == ()
    assert result.sample[0].after == {
        "order_id": 1,
        "customer_id": "1",
        "order_date": "2024-01-01",
        "quantity": 1,
        "unit_price": 1001.5,
        "email": "user1@example.com",
        "amount": 1001.5,
        "segment": "retail",
    }


def test_the_stand_in_makes_nothing_up(tmp_path: Path) -> None:
    """A column that nothing gives stays null, and is told."""
    wanted = given("id", "id colour", {"id": "1"})
    found, _ = read_proposal("orders", answered(wanted))

    assert found is not None
    assert found.notes == "colour: no column of the source is called like it"
    assert tried(tmp_path, wanted, found).sample[0].after == {"id": "1", "colour": None}


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["2024-01-02"], []),
        (["02/01/2024", "31/01/2024"], ["%d/%m/%Y"]),
        (["01/02/2024", "01/31/2024"], ["%m/%d/%Y"]),
        (["2024.01.02", "20240102"], ["%Y.%m.%d", "%Y%m%d"]),
        (["02-Jan-2024"], ["%d-%b-%Y"]),
        (["31/01/2024", "01/31/2024"], ["%d/%m/%Y", "%m/%d/%Y"]),
    ],
)
def test_the_stand_in_reads_formats_off_the_sample(values: list[str], formats: list[str]) -> None:
    """A day above twelve tells which number is the month."""
    rows: list[JsonObject] = [{"day": value} for value in values]
    task = json.loads(proposal_task(given("day", "day:date", *rows)).model_dump_json())
    operations: Any = drafted("Proposal", task)["operations"]
    cast = next(json.loads(entry["arguments"]) for entry in operations if entry["op"] == "cast")

    assert cast["formats"] == formats


def test_the_stand_in_reads_formats_off_the_profile() -> None:
    """A format that no row of the sample has is in the shapes of all rows."""
    asked = given("seen", "seen:timestamp", {"seen": "2024-01-02 10:00:00"})
    shapes = (("9999-99-99 99:99:99", 90), ("99.99.9999 99:99", 9), ("AAA", 1))
    column = asked.profile.columns[0].model_copy(update={"formats": shapes})
    profile = asked.profile.model_copy(update={"columns": (column,)})
    task = json.loads(proposal_task(asked.model_copy(update={"profile": profile})).model_dump_json())
    operations: Any = drafted("Proposal", task)["operations"]
    cast = next(json.loads(entry["arguments"]) for entry in operations if entry["op"] == "cast")

    assert cast["formats"] == ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"]
