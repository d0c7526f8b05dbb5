"""Every door and type: what arrives is what Python says of the value, or its row is in quarantine, and nothing else."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fakes.postgresql import new_database, postgresql_server
from tests.unit.loading.world import KINDS, World
from tests.unit.pipeline.reading import Reader
from tests.unit.pipeline.tables import columns
from tests.values import drawing, reading
from tests.values.doors import DOORS, Setting
from tests.values.summary import Arrived, table
from towpath.contracts.core.wire import json_object
from towpath.contracts.pipeline.dataset import Column, ColumnType, DatasetPart
from towpath.contracts.pipeline.stages import Transformed, TransformTask
from towpath.contracts.pipeline.transformation import Specification
from towpath.dataplane.core.arrow import parquet
from towpath.dataplane.load.parts import load_part
from towpath.dataplane.specification.transform import transform_part

TYPES = ("text", "integer", "decimal(38,4)", "float", "boolean", "date", "timestamp", "json")
SAMPLED, ALL = 60, 3_000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(scope="module")
def arrived(pytestconfig: pytest.Config) -> Iterator[dict[Arrived, Counter[str]]]:
    """Filled by the tests, and shown after them."""
    found: dict[Arrived, Counter[str]] = {}
    yield found
    pytestconfig.get_terminal_writer().write(f"\n{table(found)}\n")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("door", DOORS)
def test_what_arrives_is_what_was_there(
    reader: Reader,
    server: str,
    arrived: dict[Arrived, Counter[str]],
    tmp_path: Path,
    pytestconfig: pytest.Config,
    door: str,
    kind: str,
) -> None:
    """No value is another one, no row is lost, and none is set aside that is a value of its type."""
    column = columns(f"v:{kind}")[0]
    dice = drawing.Dice(f"{pytestconfig.option.seed} {door} {kind}")
    setting = Setting(reader, tmp_path, server, dice, ALL if pytestconfig.option.full else SAMPLED)
    with DOORS[door](setting, column) as filled:
        read = reader.read(filled.source)
    target = (Column(name="id", type=ColumnType.INTEGER, nullable=False), column)
    wanted = {number: _normal(one, column) for number, one in enumerate(filled.expected)}
    good = {number: one for number, one in wanted.items() if one != reading.SET_ASIDE}
    done = [_transformed(one.part, target, reader) for one in read.extracted if one.part is not None]
    bad = [row for one in read.quarantined for row in reader.rows(one.part)]
    bad += [row for one in done if one.quarantined is not None for row in reader.rows(one.quarantined.part)]

    assert {_number(row["row"]) for row in bad} == wanted.keys() - good.keys()
    assert len(bad) == len(wanted) - len(good)
    for destination in KINDS if pytestconfig.option.full else (dice.choice(KINDS),):
        world = World(destination, tmp_path / destination, new_database(server, f"{destination}_{tmp_path.name[-40:]}"))
        world.columns, world.newest_by, world.partition_by = target, None, None
        for number, one in enumerate(done, 1):
            if one.valid is not None:
                part = world.part(parquet.read_table(reader.work().local(one.valid)).to_pylist())
                load_part(world.request(part, "run", number, len(done)), world.work())
        found = {number: _normal(value, column) for number, value in _there(world, column)}
        assert {number: (found.get(number), one) for number, one in good.items() if found.get(number) != one} == {}
        assert found.keys() == good.keys()
        arrived[Arrived(door, kind, destination)] = Counter({"exact": len(good), "set aside": len(bad)})


def _transformed(part: DatasetPart, target: tuple[Column, ...], reader: Reader) -> Transformed:
    specification = Specification(source="orders")
    task = TransformTask(specification=specification, source=target, target=target, key=("id",), parts=(part,))
    return transform_part(task, reader.work())


def _there(world: World, column: Column) -> list[Any]:
    if column.type is not ColumnType.JSON or world.kind != "postgresql":
        return world.read("id", "v")
    with psycopg.connect(world.url) as connection:
        return connection.execute("SELECT id, v::text FROM orders").fetchall()


def _normal(value: Any, column: Column) -> Any:
    """JSON by what it says, since PostgreSQL writes it anew; a number that is none is itself."""
    if column.type is not ColumnType.JSON or value is None or value == reading.SET_ASIDE:
        return value if value is None else str(value)
    return json.dumps(json.loads(value, parse_int=_plain, parse_float=_plain), sort_keys=True)


def _plain(number: str) -> str:
    return f"number {Decimal(number).normalize() + 0}"


def _number(row: str) -> int:
    """The `id` of a quarantined row, which may be a line that could not be taken apart."""
    told = json_object(row) or {}
    text = str(told.get("id", told.get("$line")))
    return int(text if text.isdigit() else text.partition('"id": ')[2].partition(",")[0])
