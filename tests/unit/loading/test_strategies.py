"""What each strategy leaves in a destination of each kind; loading the same again leaves the same."""

import pytest

from tests.unit.loading.world import World, at, row
from towpath.dataplane.core.errors import LoadError


def test_upsert_adds_and_replaces(world: World) -> None:
    """New keys are added, known keys get the newer row, and stale rows change nothing."""
    first = world.load([row(1), row(2), row(3, "kept", hours=9)])
    second = world.load([row(2, "b", hours=1), row(3, "stale", hours=1), row(4, "b", hours=1)])

    assert world.read("id", "name") == [(1, "a"), (2, "b"), (3, "kept"), (4, "b")]
    assert (first.inserted, first.updated, first.stale) == (3, 0, 0)
    assert (second.inserted, second.updated, second.stale) == (1, 1, 1)


def test_parts_of_a_load_into_an_empty_target(world: World) -> None:
    """Several parts fill an empty target, also when they share a key: the newest row of all stays."""
    done = world.load([row(1), row(2)], [row(3), row(2, "newer", hours=2)], [row(4), row(2, "older", hours=1)])

    assert world.read("id", "name") == [(1, "a"), (2, "newer"), (3, "a"), (4, "a")]
    assert done.rows == 6


def test_key_twice_in_a_part(world: World) -> None:
    """A key that a part has twice is loaded once, as its newest row, into an empty and into a filled target."""
    world.load([row(1, "old"), row(1, "new", hours=2), row(1, "middle", hours=1)])
    assert world.read("id", "name") == [(1, "new")]

    world.load([row(1, "newest", hours=4), row(1, "late", hours=3), row(2)])
    assert world.read("id", "name") == [(1, "newest"), (2, "a")]


def test_without_a_time_the_last_row_counts(world: World) -> None:
    """With nothing that tells a row's age, what is loaded later replaces what is there."""
    world.newest_by = None
    world.load([row(1, "first"), row(1, "second")])
    assert world.read("id", "name") == [(1, "second")]

    world.load([row(1, "third", hours=-5)])
    assert world.read("id", "name") == [(1, "third")]


def test_a_time_beats_none(world: World) -> None:
    """A row without a time neither replaces one with a time nor keeps one out."""
    world.load([{**row(1, "none"), "updated_at": None}, row(2, "timed")])
    world.load([row(1, "timed", hours=-9), {**row(2, "none"), "updated_at": None}])

    assert world.read("id", "name") == [(1, "timed"), (2, "timed")]


def test_append_keeps_everything(world: World) -> None:
    """Append has no key: the same rows of another load are there twice, those of the same load once."""
    world.strategy = "append"
    world.load([row(1), row(2)], [row(3)], load="one")
    world.load([row(1), row(2)], [row(3)], load="one")
    assert world.read("id") == [(1,), (2,), (3,)]

    assert world.load([row(1)], load="two").inserted == 1
    assert world.read("id") == [(1,), (1,), (2,), (3,)]


def test_delete_insert_replaces_partitions(world: World) -> None:
    """A partition's rows are those of the latest load that has the partition; other partitions stay."""
    world.strategy = "delete_insert"
    world.load([row(1, day=1), row(2, day=1), row(3, day=2)])
    done = world.load([row(4, "b", hours=1, day=1)], [row(5, "b", hours=1, day=1), row(6, "b", hours=1, day=3)])

    assert world.read("id", "name") == [(3, "a"), (4, "b"), (5, "b"), (6, "b")]
    assert (done.inserted, done.deleted) == (3, 2)


def test_delete_insert_without_a_key(world: World) -> None:
    """No key is needed, and rows without a partition are a partition as well."""
    world.strategy, world.key = "delete_insert", ()
    world.load([{**row(1), "day": None}, {**row(2), "day": None}, row(3, day=1)])
    world.load([{**row(4), "day": None}])

    assert world.read("id") == [(3,), (4,)]


@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_time_as_a_partition(kind: str, postgresql: World) -> None:
    """A column with a value for each row is no partition, and is refused before anything is deleted."""
    postgresql.kind, postgresql.strategy, postgresql.partition_by = kind, "delete_insert", "updated_at"
    postgresql.load([row(1)])

    with pytest.raises(LoadError, match="a part has 10001 values of partition_by"):
        postgresql.load([row(number, hours=number) for number in range(10_001)])

    assert postgresql.read("id") == [(1,)]


def test_history_of_a_row(world: World) -> None:
    """Each change opens a version and ends the one before; the same content again does not."""
    world.strategy = "scd2"
    world.load([row(1, "a", hours=0), row(2, "a", hours=0)])
    world.load([row(1, "b", hours=2), row(2, "a", hours=3)])

    assert world.read("id", "name", "updated_at", "_valid_from", "_valid_to") == [
        (1, "a", at(0), at(0), at(2)),
        (1, "b", at(2), at(2), None),
        (2, "a", at(3), at(0), None),
    ]


def test_late_version_takes_its_place(world: World) -> None:
    """A row that comes late is put between the versions before and after it, also within one of them."""
    world.strategy = "scd2"
    world.load([row(1, "a", hours=0)])
    world.load([row(1, "c", hours=4), row(1, "c", hours=9)])
    world.load([row(1, "b", hours=2)], [row(1, "x", hours=6)])

    assert world.read("name", "_valid_from", "_valid_to") == [
        ("a", at(0), at(2)),
        ("b", at(2), at(4)),
        ("c", at(4), at(6)),
        ("c", at(9), None),
        ("x", at(6), at(9)),
    ]


def test_history_of_the_same_rows(world: World) -> None:
    """Rows that were loaded before, in whatever order they come again, change no version."""
    world.strategy = "scd2"
    rows = [row(1, "a", hours=0), row(1, "b", hours=1), row(1, "a", hours=2), row(2, "z", hours=0)]
    world.load(rows)
    before = world.read("id", "name", "_valid_from", "_valid_to")
    done = world.load(rows[2:], rows[:2])

    assert world.read("id", "name", "_valid_from", "_valid_to") == before
    assert len(before) == 4
    assert (done.inserted, done.updated) == (0, 0)


def test_history_without_a_time(world: World) -> None:
    """With nothing that tells a row's time, its version begins when it is loaded."""
    world.strategy, world.newest_by = "scd2", None
    world.load([row(1, "a")])
    world.load([row(1, "a")])
    world.load([row(1, "b", hours=0)])

    versions = world.read("name", "_valid_from", "_valid_to")
    assert [version[0] for version in versions] == ["a", "b"]
    assert versions[0][2] == versions[1][1] > versions[0][1]
    assert versions[1][2] is None
