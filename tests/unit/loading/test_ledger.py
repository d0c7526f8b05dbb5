"""A part is loaded once, whoever tries again and when; the watermark moves with the last part of a load."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit.loading.world import World, row
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.loading import CleanDestination, DestinationCleaned, PrepareDestination
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.ledger import later
from towpath.dataplane.load.parts import clean_destination, load_part, prepare_destination


def test_second_attempt_is_skipped(world: World) -> None:
    """The same part again changes nothing, and tells that it did not."""
    world.strategy = "append"
    first, again = world.load([row(1)], load="one"), world.load([row(1)], load="one")

    assert (first.skipped, first.inserted, again.skipped, again.rows) == (False, 1, True, 1)
    assert world.read("id") == [(1,)]


def test_attempts_side_by_side(world: World) -> None:
    """Of attempts that run at the same time, one loads the part."""
    world.strategy = "append"
    requests = [world.request(world.part([row(1), row(2)]), "one")] * 4
    prepare_destination(prepared(world), world.work())

    with ThreadPoolExecutor(len(requests)) as pool:
        done = list(pool.map(load_part, requests, [world.work() for _ in requests]))

    assert sorted(one.skipped for one in done) == [False, True, True, True]
    assert world.read("id") == [(1,), (2,)]


def test_parts_side_by_side(world: World) -> None:
    """Parts of one load can be loaded at the same time, into a target that nobody has made yet."""
    requests = [world.request(world.part([row(number), row(number + 100)]), "one", number, 6) for number in range(1, 7)]

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(load_part, requests, [world.work() for _ in requests]))

    assert sum(one.inserted for one in done) == 12
    assert world.read("id") == sorted(((number,) for number in (*range(1, 7), *range(101, 107))), key=repr)


def test_other_content_under_the_same_name(world: World) -> None:
    """A load's part that comes with other rows is refused: taking it would double, skipping it would lose."""
    world.load([row(1)], load="one")

    with pytest.raises(LoadError, match="part 1 of load orders/one is in target with other content") as raised:
        world.load([row(2)], load="one")

    assert not raised.value.retryable
    assert world.read("id") == [(1,)]


def test_watermark_moves_with_the_last_part(world: World) -> None:
    """Before the first load there is none; then it is what the last part of the latest load said."""
    assert world.watermark() == Watermark()

    world.load([row(1)], [row(2), row(3)], watermark="2026-11-01T12:00:00")
    world.load([row(4)], watermark="2026-11-02T12:00:00")

    assert world.watermark() == Watermark(value="2026-11-02T12:00:00", rows=(3, 1))


def test_watermark_never_passes_over_a_part(world: World) -> None:
    """A watermark before the rest of its load is refused, and so are the rows that came with it."""
    request = world.request(world.part([row(2)]), "one", 2, 2, watermark="2")

    with pytest.raises(LoadError, match="comes with its last part, but 1 of 2 are in"):
        load_part(request, world.work())

    assert world.watermark() == Watermark()
    load_part(world.request(world.part([row(1)]), "one", 1, 2), world.work())
    load_part(request, world.work())
    assert world.watermark() == Watermark(value="2", rows=(2,))
    assert world.read("id") == [(1,), (2,)]


def test_rows_at_the_watermark(world: World) -> None:
    """Their digests move with it; at the same place they gather, and an older load changes nothing."""
    world.load([row(1)], watermark="10", boundary=[1, 2])
    world.load([row(2)], watermark="10", boundary=[2, 2**64 - 1])
    world.load([row(3)], watermark="9", boundary=[4])

    assert world.boundary() == {1, 2, 2**64 - 1}
    world.load([row(4)], watermark="11", boundary=[5])
    assert world.boundary() == {5}


def test_watermark_never_goes_back(world: World) -> None:
    """A load that ends after a later one leaves the watermark where it is."""
    world.load([row(1)], watermark="10")
    world.load([row(2)], watermark="9")

    assert world.watermark().value == "10"


@pytest.mark.parametrize(
    ("known", "told", "value"),
    [
        (None, "5", "5"),
        ("9", "10", "10"),
        ("-1", "-2", "-1"),
        ("1.5", "1.25", "1.5"),
        ("2026-11-01", "2026-10-31", "2026-11-01"),
        ("2026-11-01T09:00:00", "2026-11-01T10:00:00", "2026-11-01T10:00:00"),
    ],
    ids=["first", "numbers", "negative", "decimals", "dates", "times"],
)
def test_later_watermark(known: str | None, told: str, value: str) -> None:
    """Numbers are compared as numbers and times as times."""
    assert later(known, told) == value


def test_target_is_made_for_no_rows(world: World) -> None:
    """An empty source leaves an empty target, made once."""
    first = prepare_destination(prepared(world), world.work())
    again = prepare_destination(prepared(world), world.work())

    assert (first.created, again.created, again.added) == (True, False, ())
    assert world.read("id", "name") == []
    assert world.watermark() == Watermark()


def test_part_without_rows(world: World) -> None:
    """A part that holds nothing is loaded as well, and takes the watermark with it."""
    assert world.load([], watermark="7").inserted == 0

    assert world.watermark().value == "7"
    assert world.read("id") == []


def test_tables_have_nothing_to_clean(postgresql: World) -> None:
    """Only datasets of files leave files behind."""
    request = CleanDestination.model_validate(
        {"destination": postgresql.destination(), "before": "2030-01-01T00:00:00Z"}
    )

    assert clean_destination(request, postgresql.work()) == DestinationCleaned()


@pytest.mark.parametrize(
    ("strategy", "changes", "message"),
    [
        ("upsert", {"key": ()}, "strategy upsert needs a key"),
        ("scd2", {"key": ()}, "strategy scd2 needs a key"),
        ("delete_insert", {"partition_by": None}, "strategy delete_insert needs partition_by"),
        ("upsert", {"key": ("nowhere",)}, "not among the columns: nowhere"),
    ],
    ids=["upsert", "history", "partitions", "unknown"],
)
def test_strategy_that_lacks_something(
    postgresql: World, strategy: str, changes: dict[str, object], message: str
) -> None:
    """What a strategy needs is said before anything is made."""
    request = prepared(postgresql).model_copy(update=changes)
    destination = request.destination.model_copy(update={"strategy": strategy})

    with pytest.raises(LoadError, match=message) as raised:
        prepare_destination(request.model_copy(update={"destination": destination}), postgresql.work())

    assert raised.value.code is FailureCode.PIPELINE_DESTINATION_REFUSED


def prepared(world: World) -> PrepareDestination:
    return PrepareDestination(
        destination=world.destination(),
        columns=world.columns,
        key=world.key,
        newest_by=world.newest_by,
        partition_by=world.partition_by,
    )
