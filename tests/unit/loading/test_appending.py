"""Rows that are appended are there once, and all of a load or none, whatever failed before and whoever tries again."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.unit.loading.world import Row, World, row
from towpath.contracts.pipeline.loading import CleanDestination, PartLoaded
from towpath.contracts.pipeline.stages import Watermark
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.parts import clean_destination, load_part

PARTS = [[row(number), row(number + 10)] for number in range(1, 5)]
WHOLE = sorted(((one["id"],) for part in PARTS for one in part), key=repr)


@pytest.fixture(autouse=True)
def appending(world: World) -> None:
    world.strategy = "append"


def append(world: World, load: str, numbers: Sequence[int], *, after: str | None = None) -> list[PartLoaded]:
    """Parts of a load by their numbers, as a run does it that read what `after` left."""
    total = len(PARTS)
    return [
        load_part(
            world.request(
                world.part(PARTS[number - 1]),
                load,
                number,
                total,
                watermark="9" if number == total else None,
                fenced=True,
                after=after,
            ),
            world.work(),
        )
        for number in numbers
    ]


def test_half_of_a_load_is_not_there(world: World) -> None:
    """A load that failed half-way has appended nothing; redriven, it appends everything once."""
    append(world, "failed", [1, 2, 3])
    assert world.read("id") == []

    redriven = append(world, "failed", [1, 2, 3, 4])

    assert [one.skipped for one in redriven] == [True, True, True, False]
    assert world.read("id") == WHOLE
    assert all(one.skipped for one in append(world, "failed", [1, 2, 3, 4]))
    assert world.read("id") == WHOLE


def test_new_run_after_one_that_failed(world: World) -> None:
    """A new run reads the same rows again and appends them once. The failed one is refused from then on."""
    append(world, "failed", [1, 2, 3])
    append(world, "new", [1, 2, 3, 4])
    assert world.read("id") == WHOLE

    with pytest.raises(LoadError, match="another run has loaded since this one read") as refused:
        append(world, "failed", [4])

    assert not refused.value.retryable
    assert world.read("id") == WHOLE
    assert world.watermark() == Watermark(value="9", rows=(8,))


def test_next_run_goes_on_from_the_watermark(world: World) -> None:
    """What a run reads from the watermark on is appended to what is there."""
    append(world, "first", [1, 2, 3, 4])
    more: list[Row] = [row(21)]

    load_part(
        world.request(world.part(more), "second", watermark="11", fenced=True, after="orders/first"), world.work()
    )

    assert world.read("id") == sorted([*WHOLE, (21,)], key=repr)


def test_parts_in_any_order_side_by_side(world: World) -> None:
    """Whichever part comes last brings all of them in."""
    requests = [world.request(world.part(PARTS[number - 1]), "one", number, 4) for number in (4, 1, 3, 2)]

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(load_part, requests, [world.work() for _ in requests]))

    assert not any(one.skipped for one in done)
    assert world.read("id") == WHOLE


def test_parts_that_wait_are_given_up(world: World) -> None:
    """Parts of a load that nobody went on with are forgotten; its redrive loads all of them."""
    append(world, "failed", [1, 2])
    before = datetime(2100, 1, 1, tzinfo=UTC)

    clean_destination(CleanDestination(destination=world.destination(), before=before), world.work())

    assert world.read("id") == []
    assert not any(one.skipped for one in append(world, "failed", [1, 2, 3, 4]))
    assert world.read("id") == WHOLE


@pytest.mark.parametrize(("pipeline", "kept"), [("items", True), ("orders", False)])
def test_parts_that_wait_are_those_of_their_pipeline(world: World, pipeline: str, kept: bool) -> None:
    """A destination of two pipelines: the retention of one gives up no load of the other."""
    append(world, "failed", [1, 2])
    before = datetime(2100, 1, 1, tzinfo=UTC)

    clean = CleanDestination(destination=world.destination(), before=before, pipeline=pipeline)
    clean_destination(clean, world.work())

    assert [one.skipped for one in append(world, "failed", [1, 2, 3, 4])] == [kept, kept, False, False]
    assert world.read("id") == WHOLE


def test_parts_that_wait_are_kept_for_their_time(world: World) -> None:
    """Cleaning up leaves the load alone that still goes on."""
    append(world, "failed", [1, 2])
    before = datetime(2000, 1, 1, tzinfo=UTC)

    clean_destination(CleanDestination(destination=world.destination(), before=before), world.work())

    assert [one.skipped for one in append(world, "failed", [1, 2, 3, 4])] == [True, True, False, False]
    assert world.read("id") == WHOLE
