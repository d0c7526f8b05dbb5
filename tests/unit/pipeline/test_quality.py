"""Quality rules over datasets: what fails, what is set aside, and what the score is made of."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.unit.pipeline.tables import Row, Table, columns
from towpath.contracts.pipeline.dataset import Column, Dataset
from towpath.contracts.pipeline.quality import Rule
from towpath.contracts.pipeline.stages import QualityChecked, RowQualityTask
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.core.errors import SpecificationError
from towpath.dataplane.quality import checking as quality
from towpath.dataplane.quality.checking import check_quality
from towpath.dataplane.specification.profile import profile_of
from towpath.dataplane.specification.running import engine

ORDERS = columns("id:integer email amount:decimal(12,2) ratio:float country paid:date")
PAID = date(2026, 3, 1)
GOOD: Row = (1, "a@b.example", 10, 0.5, "DE", PAID)
BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def row(**changes: object) -> Row:
    return tuple(changes.get(column.name, value) for column, value in zip(ORDERS, GOOD, strict=True))


class Checked:
    """Parts checked against rules. Each list of rows is a part."""

    def __init__(self, root: Path, *parts: Sequence[Row], of: tuple[Column, ...] = ORDERS) -> None:
        self.table = Table(root, of, of)
        for rows in parts:
            self.table.add(*rows)

    def check(self, *rules: dict[str, Any], **task: Any) -> QualityChecked:
        dataset = Dataset(name="orders", parts=tuple(self.table.parts), columns=self.table.source)
        given = tuple(RULE.validate_python(rule) for rule in rules)
        request = RowQualityTask(pipeline="shop", dataset=dataset, rules=given, began_at=BEGAN, **task)
        return check_quality(request, self.table.work())

    def rows(self, part: Any) -> list[dict[str, Any]]:
        return parquet.read_table(self.table.work().local(part)).to_pylist()


CASES: list[tuple[str, dict[str, Any], list[Row], list[int]]] = [
    ("not_null", {"rule": "not_null", "column": "email"}, [row(email=None), row()], [1]),
    ("unique-all-but-the-first", {"rule": "unique", "columns": ["id"]}, [row(id=7), row(id=8), row(id=7)], [3]),
    ("unique-nulls-equal-nothing", {"rule": "unique", "columns": ["id"]}, [row(id=None), row(id=None)], []),
    (
        "unique-of-two-columns",
        {"rule": "unique", "columns": ["id", "country"]},
        [row(), row(country="FR"), row()],
        [3],
    ),
    ("range-below", {"rule": "range", "column": "amount", "minimum": 0}, [row(amount=-1), row(amount=0)], [1]),
    ("range-above", {"rule": "range", "column": "amount", "maximum": 9.99}, [row(amount=9.99), row()], [2]),
    ("range-null-passes", {"rule": "range", "column": "amount", "minimum": 0}, [row(amount=None)], []),
    ("range-not-a-number", {"rule": "range", "column": "ratio", "minimum": 0}, [row(ratio=float("nan"))], [1]),
    ("pattern-whole-text", {"rule": "pattern", "column": "country", "pattern": "[A-Z]{2}"}, [row(country="DEU")], [1]),
    ("pattern-null-passes", {"rule": "pattern", "column": "country", "pattern": "x"}, [row(country=None)], []),
    ("set", {"rule": "set", "column": "country", "values": ["DE", "FR"]}, [row(), row(country="XX")], [2]),
    ("set-null-passes", {"rule": "set", "column": "country", "values": ["DE"]}, [row(country=None)], []),
    ("set-of-numbers", {"rule": "set", "column": "id", "values": ["1", "no number"]}, [row(), row(id=2)], [2]),
    ("custom", {"rule": "custom", "expression": "amount > id"}, [row(amount=0), row()], [1]),
    ("custom-null-fails", {"rule": "custom", "expression": "amount > id"}, [row(amount=None)], [1]),
    ("custom-quotes", {"rule": "set", "column": "email", "values": ["o'x"]}, [row(email="o'x")], []),
]


@pytest.mark.parametrize(("rule", "rows", "bad"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rows_that_fail_are_found(tmp_path: Path, rule: dict[str, Any], rows: list[Row], bad: list[int]) -> None:
    """Each rule fails exactly the rows that break it, and these are quarantined with their place."""
    checked = Checked(tmp_path, rows)
    found = checked.check(rule)
    assert found.quality.results[0].failed == len(bad)
    assert found.quality.rows == len(rows)
    places = [one["position"] for quarantined in found.quarantined for one in checked.rows(quarantined.part)]
    assert places == [f"part-0.csv:{number}" for number in bad]
    kept = [one["_row"] for part in found.valid.parts for one in checked.rows(part)]
    assert kept == [number for number in range(1, len(rows) + 1) if number not in bad]


def test_a_part_without_bad_rows_keeps_its_reference(tmp_path: Path) -> None:
    """Only parts with bad rows are written anew, and the same check gives the same files."""
    checked = Checked(tmp_path, [row()], [row(id=2), row(id=None)])
    rule = {"rule": "not_null", "column": "id"}
    once, again = checked.check(rule), checked.check(rule)
    assert once.valid.parts[0] == checked.table.parts[0]
    assert once.valid.parts[1].rows == 1
    assert (once.valid, once.quarantined) == (again.valid, again.quarantined)


def test_quarantined_rows_tell_their_first_failure(tmp_path: Path) -> None:
    """A row that breaks two rules is counted for both, and quarantined once: by the first."""
    checked = Checked(tmp_path, [row(id=None, country="x"), row(id=2, country="y"), row(id=3)])
    found = checked.check(
        {"rule": "not_null", "column": "id", "name": "has an id"},
        {"rule": "set", "column": "country", "values": ["DE"]},
    )
    assert [result.failed for result in found.quality.results] == [1, 2]
    assert found.quarantined[0].by_rule == {"has an id": 1, "set.country": 1}
    first, second = checked.rows(found.quarantined[0].part)
    assert (first["rule"], first["reason"]) == ("has an id", "id: must not be null")
    assert (second["rule"], second["position"]) == ("set.country", "part-0.csv:2")
    assert json.loads(second["row"])["country"] == "y"
    assert "_row" not in json.loads(second["row"])


def test_a_value_twice_in_two_parts_is_found(tmp_path: Path) -> None:
    """Uniqueness is over the dataset: the second part has the row that fails."""
    found = Checked(tmp_path, [row(id=1), row(id=2)], [row(id=2), row(id=3)]).check(
        {"rule": "unique", "columns": ["id"]}
    )
    assert [part.rows for part in found.valid.parts] == [2, 1]


def test_foreign_keys_are_looked_up_in_their_type(tmp_path: Path) -> None:
    """Keys of a source are texts, those of the target numbers: 07 is 7, and a null refers to nothing."""
    checked = Checked(tmp_path, [row(id=7), row(id=8), row(id=None)])
    checked.table.join("customers", columns("number"), ("07",), ("x",), (None,))
    rule = {"rule": "foreign_key", "column": "id", "source": "customers", "references": "number"}
    found = checked.check(rule, related=checked.table.others)
    assert [sample["id"] for sample in found.quality.results[0].samples] == [8]
    assert checked.check(rule).quality.results[0].failed == 2, "a source without rows has no keys"


def test_warnings_are_told_and_quarantined_only_when_strict(tmp_path: Path) -> None:
    """A warning lowers the score and keeps its rows; remediation by quarantine sets them aside."""
    checked = Checked(tmp_path, [row(), row(email=None)])
    rule = {"rule": "not_null", "column": "email", "severity": "warning"}
    told, strict = checked.check(rule), checked.check(rule, strict=True, round=2)
    assert (told.quality.score, told.quality.valid, told.quarantined) == (0.5, 2, ())
    assert (strict.quality.score, strict.quality.valid, strict.metrics.rows_quarantined) == (0.5, 1, 1)


def test_rules_over_the_dataset(tmp_path: Path) -> None:
    """An old newest value and an unusual number of rows fail as one, and quarantine nothing."""
    checked = Checked(tmp_path, [row(), row(id=2)])
    fresh = {"rule": "freshness", "column": "paid", "at_most": timedelta(hours=23)}
    volume = {"rule": "volume", "runs": 3}
    found = checked.check(fresh, volume, history=(100, 101, 99))
    assert [(result.rows, result.failed) for result in found.quality.results] == [(1, 1), (1, 1)]
    assert "1 day, 0:00:00 old" in found.quality.results[0].note
    assert (found.quality.score, found.quality.valid) == (0.0, 2)
    calm = checked.check({**fresh, "at_most": timedelta(hours=24)}, volume, history=(100, 101))
    assert calm.quality.score == 1.0


def test_samples_are_few_and_say_where_they_are(tmp_path: Path) -> None:
    """Five failing rows of a rule at most, the first ones, over all parts."""
    parts = [[row(id=None), row(id=None)] for _ in range(4)]
    result = Checked(tmp_path, *parts).check({"rule": "not_null", "column": "id"}).quality.results[0]
    places = ["part-0.csv:1", "part-0.csv:2", "part-1.csv:1", "part-1.csv:2", "part-2.csv:1"]
    assert [sample["$position"] for sample in result.samples] == places
    assert result.samples[0]["paid"] == "2026-03-01"


def test_a_dataset_without_rows_is_of_good_quality(tmp_path: Path) -> None:
    """Nothing fails; and no rule does not mean no score."""
    empty = Checked(tmp_path)
    rules = ({"rule": "unique", "columns": ["id"]}, {"rule": "freshness", "column": "paid", "at_most": timedelta(1)})
    assert empty.check(*rules).quality.score == 1.0
    assert Checked(tmp_path / "more", [row()]).check().quality.score == 1.0


BAD_RULES: dict[str, tuple[dict[str, Any], str]] = {
    "no-such-column": ({"rule": "not_null", "column": "nope"}, "no column"),
    "range-of-text": ({"rule": "range", "column": "email", "minimum": 0}, "no number"),
    "freshness-of-text": ({"rule": "freshness", "column": "email", "at_most": timedelta(1)}, "no date"),
    "no-pattern": ({"rule": "pattern", "column": "email", "pattern": "("}, "no RE2"),
    "not-true-or-false": ({"rule": "custom", "expression": "amount + 1"}, "true or false"),
    "a-file": ({"rule": "custom", "expression": "(SELECT count(*) FROM '/etc/passwd') > 0"}, "subquery"),
    "another-statement": ({"rule": "custom", "expression": "true; DROP TABLE failing"}, "no expression"),
    "our-tables": ({"rule": "custom", "expression": "n IN (SELECT n FROM failing)"}, "in"),
}


@pytest.mark.parametrize(("rule", "told"), BAD_RULES.values(), ids=BAD_RULES)
def test_rules_that_fit_no_column_are_refused(tmp_path: Path, rule: dict[str, Any], told: str) -> None:
    """Expressions of rules go through the same guard as those of specifications."""
    with pytest.raises(SpecificationError) as refused:
        Checked(tmp_path, [row()]).check({"rule": "not_null", "column": "id"}, rule)
    assert refused.value.problems[0].place.startswith("rules.1")
    assert told in refused.value.problems[0].message


def test_a_custom_rule_that_cannot_be_computed_fails_its_row(tmp_path: Path) -> None:
    """A product that overflows is no error of the run."""
    rows = [row(id=2**62), row(id=1)]
    found = Checked(tmp_path, rows).check({"rule": "custom", "expression": "id * id > 0"})
    assert found.quality.results[0].failed == 1


def test_large_part_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad rows of a large part are listed beside its file; whoever reads the part, or checks it again, sees none."""
    monkeypatch.setattr(quality, "REWRITTEN_ROWS", 0)
    rows = [
        row(id=number, amount=-1 if number in {2, 5} else 1, country="XX" if number == 7 else "DE")
        for number in range(10)
    ]
    checked = Checked(tmp_path, rows)
    rules = (
        {"rule": "range", "column": "amount", "minimum": 0},
        {"rule": "set", "column": "country", "values": ["DE"], "severity": "warning"},
    )

    found = checked.check(*rules, sample=10)

    (part,) = found.valid.parts
    assert part.without is not None and (part.rows, part.without.rows) == (8, 2)
    assert part.uri == checked.table.parts[0].uri and part.digest != checked.table.parts[0].digest
    good = [0, 1, 3, 4, 6, 7, 8, 9]
    assert [one["id"] for one in checked.rows(part)] == good
    assert all(one["id"] in good for one in found.sample)
    work = checked.table.work()
    with engine(work) as connection:
        profile = profile_of(connection, work, found.valid, ("id",))
    assert (profile.rows, profile.duplicates, profile.columns[0].distinct) == (8, 0, 8)

    checked.table.parts = [part]
    (again,) = checked.check(*rules, strict=True).valid.parts
    assert again.without is None
    assert [one["id"] for one in checked.rows(again)] == [0, 1, 3, 4, 6, 8, 9]
