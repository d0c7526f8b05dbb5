"""Parts whose file has rows that are not in the part: what was set aside is loaded nowhere."""

import pytest

from tests.unit.loading.world import World, row
from towpath.contracts.pipeline.dataset import DatasetPart, LeftOut
from towpath.dataplane.core.arrow import pa, parquet
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.parts import load_part


def without(world: World, part: DatasetPart, numbers: list[int]) -> DatasetPart:
    work = world.work()
    file = work.folder / "left-out.parquet"
    parquet.write_table(pa.table({"row": pa.array(numbers, pa.int64())}), file)
    kept = work.keep(file, len(numbers), ())
    left_out = LeftOut(uri=kept.uri, sha256=kept.sha256, rows=kept.rows)
    return part.model_copy(update={"rows": part.rows - len(numbers), "without": left_out})


def test_left_out_rows_are_not_loaded(world: World) -> None:
    """The part has the rows of its file but for those that are listed beside it."""
    part = without(world, world.part([row(number) for number in range(6)]), [0, 3, 5])

    loaded = load_part(world.request(part, "one"), world.work())

    assert (loaded.rows, loaded.inserted) == (3, 3)
    assert world.read("id") == [(1,), (2,), (4,)]


def test_another_list_is_another_part(world: World) -> None:
    """The ledger holds what was loaded, and not only the file that it was in."""
    whole = world.part([row(1), row(2)])
    part = without(world, whole, [0])
    load_part(world.request(part, "one", total=2), world.work())

    assert load_part(world.request(part, "one", total=2), world.work()).skipped
    with pytest.raises(LoadError, match="other content"):
        load_part(world.request(whole, "one", total=2), world.work())
