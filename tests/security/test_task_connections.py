"""Every process of the data plane had the secrets of all connections, for as long as it lived."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.security.task_samples import sample
from towpath.contracts.core.failure import PipelineError
from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire
from towpath.contracts.pipeline.loading import FindTable, PostgresqlDestination
from towpath.contracts.pipeline.plane import COLLECTOR, Setup, TaskProgress
from towpath.contracts.pipeline.stages import LineageTask
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.tasks import TASKS
from towpath.pool.dataplane import SPARE, Dataplane
from towpath.pool.reaching import described_by, given_for, used_by

# Two halves, so that the word is in no file that a process reads.
WORD = "-".join(("hidden", "word"))
OWN, OTHER, STORE = "own", "other", "store"
KINDS = ("postgresql", "http", "s3")


def secret(name: str) -> str:
    return f"{WORD}-of-{name}"


def connection(name: str, kind: str = "postgresql") -> JsonObject:
    word = secret(name)
    kinds: dict[str, JsonObject] = {
        "postgresql": {"type": kind, "url": f"postgresql://kim:{word}@127.0.0.1:1/base?password={word}"},
        "http": {"type": kind, "base_url": f"http://kim:{word}@127.0.0.1:1/v1", "headers": {"Authorization": word}},
        "s3": {"type": kind, "endpoint": "http://127.0.0.1:1", "access_key": word, "secret_key": word},
    }
    return kinds[kind]


@asynccontextmanager
async def plane(folder: Path, connections: JsonObject, slots: int = 1) -> AsyncGenerator[Dataplane]:
    setup = Setup(store=str(folder / "store"), scratch=str(folder / "scratch"), connections=connections)
    opened = Dataplane(setup, slots)
    try:
        yield opened
    finally:
        await opened.close()


async def ask(plane: Dataplane, task: str, request: Wire) -> None:
    """Whatever comes of it: what the process was told counts."""
    with suppress(PipelineError):
        await plane.run(task, request, ActivityResult, silent)


def silent(progress: TaskProgress) -> None:
    del progress


def seen_by(pid: int) -> set[str]:
    """The connections whose secrets are in the memory or the environment of a process."""
    found: set[str] = set()
    pattern = re.compile(re.escape(WORD.encode()) + rb"-of-(\w+)")
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for area in psutil.Process(pid).memory_maps(grouped=False):
            if "w" not in area.perms or not area.rss:
                continue
            first, last = (int(end, 16) for end in area.addr.split("-"))
            with suppress(OSError, OverflowError):
                memory.seek(first)
                found |= {name.decode() for name in pattern.findall(memory.read(last - first))}
    for place in ("environ", "cmdline"):
        found |= {name.decode() for name in pattern.findall(Path(f"/proc/{pid}/{place}").read_bytes())}
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Dataplane]:
    """The processes of one worker, which go from task to task."""
    connections: JsonObject = {name: connection(name) for name in (OWN, OTHER)}
    connections[COLLECTOR] = connection(COLLECTOR, "http")
    async with plane(tmp_path_factory.mktemp("plane"), connections) as opened:
        yield opened


@pytest.mark.parametrize("task", TASKS)
async def test_a_task_has_the_secrets_of_its_own_connections_alone(shared: Dataplane, task: str) -> None:
    """Looked for in the memory of the process that did it, for every kind of task that there is."""
    request = sample(TASKS[task].request, OWN)
    await ask(shared, task, request)
    seen = seen_by(shared.pids[-1])
    told_of = COLLECTOR if isinstance(request, LineageTask) else OWN
    assert seen <= {told_of}
    if used_by(request):
        assert seen == {told_of}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_no_secret_is_handed_to_a_task_that_does_not_name_it(task: str, kind: str) -> None:
    """Whole is what a task opens; of what it only tells about there is the address."""
    request = sample(TASKS[task].request, OWN)
    given = given_for(request, {name: connection(name, kind) for name in (OWN, OTHER, COLLECTOR)})
    assert OTHER not in given
    assert {name for name in given if secret(name) in str(given[name])} == used_by(request) & given.keys()
    if OWN in described_by(request) and kind != "s3":
        assert "127.0.0.1:1" in str(given[OWN])


def test_tasks_that_open_connections_are_known_as_such() -> None:
    """Those of sources and destinations; no field of another name refers to a connection."""
    opening = {name for name, task in TASKS.items() if OWN in used_by(sample(task.request, OWN))}
    of_sources = {"plan_partitions", "extract_partition", "profile_source"}
    of_destinations = {"read_watermark", "find_table", "prepare_destination", "load_part", "advance_watermark"}
    assert opening == of_sources | of_destinations | {"clean_destination"}


async def test_a_warm_process_takes_no_secret_to_another_task(tmp_path: Path) -> None:
    """Tasks of two connections and of none, in turns: none is done where the secret of another one is."""
    connections: JsonObject = {name: connection(name) for name in ("a", "b")}
    tables = {
        name: FindTable(destination=PostgresqlDestination(name="t", type="postgresql", connection=name, table="t"))
        for name in connections
    }
    plain = sample(TASKS["find_specification"].request, OWN)
    async with plane(tmp_path, connections) as opened:
        for name in ("a", "b", "a", "b"):
            await ask(opened, "find_table", tables[name])
            await ask(opened, "find_specification", plain)
        seen = [seen_by(pid) for pid in opened.pids]
        pids = opened.pids
        for name in ("a", "b"):
            await ask(opened, "find_table", tables[name])
        assert set(opened.pids) == set(pids)
    assert sorted(map(sorted, seen)) == [[], ["a"], ["b"]]
    assert len(pids) <= 1 + SPARE


async def test_processes_of_many_connections_are_bounded(tmp_path: Path) -> None:
    """The one that waited longest makes room."""
    connections: JsonObject = {f"c{number}": connection(f"c{number}") for number in range(5)}
    async with plane(tmp_path, connections) as opened:
        for name in connections:
            destination = PostgresqlDestination(name="t", type="postgresql", connection=name, table="t")
            await ask(opened, "find_table", FindTable(destination=destination))
            assert len(opened.pids) <= 1 + SPARE
        assert {name for pid in opened.pids for name in seen_by(pid)} == {"c2", "c3", "c4"}


async def test_the_connection_of_the_store_is_the_only_one_of_all_tasks(tmp_path: Path) -> None:
    """It is how parts are read and kept; a process that has it is not another one for that."""
    connections: JsonObject = {STORE: connection(STORE, "s3"), OTHER: connection(OTHER)}
    assert S3Connection.model_validate(connections[STORE])
    setup = Setup(
        store="s3://bucket/rows", scratch=str(tmp_path / "scratch"), store_connection=STORE, connections=connections
    )
    opened = Dataplane(setup, 1)
    try:
        destination = PostgresqlDestination(name="t", type="postgresql", connection="missing", table="t")
        with pytest.raises(PipelineError, match=rf"'missing' is not set .*\(set: {OTHER}\)"):
            await opened.run("find_table", FindTable(destination=destination), ActivityResult, silent)
        (pid,) = opened.pids
        assert seen_by(pid) == {STORE}
    finally:
        await opened.close()
