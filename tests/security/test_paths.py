"""A pipeline read and wrote any file of the worker's user: what it names now stays below the roots, or is refused."""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.integration.pipelines import COLUMNS, OPERATIONS, TARGET
from towpath.contracts.core.failure import HouseError
from towpath.contracts.pipeline.plane import Setup, TaskCall
from towpath.dataplane.__main__ import WorkerChannel, perform
from towpath.dataplane.tasks import TASKS

SECRET = "id,price,updated_at\n1,2.00,2026-11-01\nTOWPATH_SECRETS=very-secret\n"
DIGEST = "a" * 64
AT = "2026-11-01T00:00:00Z"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a worker, its own folder for temporary files, and a home beside them that is nobody's."""
    work, home, temporary = (tmp_path / name for name in ("work", "home", "temporary"))
    for folder in (work, home, temporary, work / "data"):
        folder.mkdir()
    (work / ".env").write_text(SECRET)
    (work / "data" / "items.csv").write_text(SECRET)
    (home / "secret.env").write_text(SECRET)
    (home / "secret.csv").write_text(SECRET)
    (work / "data" / "link.csv").symlink_to(home / "secret.csv")
    (work / "linked").symlink_to(home)
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return work


def do(task: str, request: dict[str, Any], place: Path) -> Any:
    """As a process of the data plane does a task that came as JSON."""
    setup = Setup(store=str(place / ".towpath" / "datasets"), scratch=str(place / ".towpath" / "scratch"))
    return perform(TaskCall(number=1, task=task, request=request), setup, WorkerChannel(io.BytesIO()), TASKS)


def source(path: str) -> dict[str, Any]:
    return {"name": "items", "type": "csv", "path": path}


def destination(path: str, kind: str = "duckdb") -> dict[str, Any]:
    table = {"table": "items"} if kind == "duckdb" else {}
    return {"name": "lake", "type": kind, "path": path, **table}


def prepare(path: str, kind: str = "duckdb") -> dict[str, Any]:
    return {"destination": destination(path, kind), "columns": TARGET["columns"], "key": ["id"]}


def state(folder: Path) -> dict[str, bytes | str]:
    """All that lies outside of what a task may use, with its content."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = str(path.readlink())
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    return found


SOURCES = {
    "absolute": "/etc/passwd",
    "environment": ".env",
    "environment-absolute": "{work}/.env",
    "up": "../home/secret.csv",
    "up-inside": "data/../../home/secret.csv",
    "link": "data/link.csv",
    "through-a-link": "linked/secret.csv",
    "glob": "data/*.csv",
    "glob-through-a-link": "linked/*.csv",
    "glob-of-folders": "*/secret.csv",
    "glob-up": "data/../../home/*.csv",
    "glob-of-all": "/etc/pass*",
    "deep-glob": "/etc/**/passwd",
    "address": "file:///etc/passwd",
    "address-of-here": "file:{work}/data/items.csv",
    "encoded": "data/%2e%2e/%2E%2E/home/secret.csv",
    "encoded-slash": "..%2fhome%2fsecret.csv",
    "nul": "data/items.csv\0.png",
    "home": "~/secret.csv",
    "proc": "/proc/self/environ",
    "proc-root": "/proc/self/root/etc/passwd",
    "store": ".towpath/datasets/aa/x.csv",
    "day": "/etc/%Y/passwd",
}


@pytest.mark.parametrize("path", SOURCES.values(), ids=SOURCES.keys())
def test_a_source_stays_below_its_roots(path: str, place: Path) -> None:
    """Planned or read: refused before it is opened, with the path and the mend. On the version before, it was read."""
    written = path.format(work=place)
    cut = {"slice": "bytes", "file": written, "start": 0, "end": 50, "version": "1", "first_line": 1}
    read = {"source": source("data/items.csv"), "partition": {"name": "1", "number": 0, "slice": cut}}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("plan_partitions", {"source": source(written)}),
        ("profile_source", {"source": source(written)}),
    ]
    if "*" not in path and "%Y" not in path:
        asked.append(("extract_partition", read | {"columns": []}))
    for task, request in asked:
        with pytest.raises(HouseError) as refused:
            do(task, request, place)
        assert (refused.value.code, refused.value.retryable) == ("path.refused", False), (task, refused.value)
        assert "very-secret" not in str(refused.value)


def test_a_source_below_its_roots_is_read(place: Path) -> None:
    """As before, by a path or by a pattern, and where the state folder keeps data."""
    (place / "data" / "link.csv").unlink()
    (place / ".towpath" / "airports").mkdir(parents=True)
    (place / ".towpath" / "airports" / "items.csv").write_text(SECRET)
    for path in ("data/items.csv", "data/*.csv", str(place / "data" / "items.csv"), ".towpath/airports/*.csv"):
        planned = do("plan_partitions", {"source": source(path)}, place)
        assert [column.name for column in planned.columns] == list(COLUMNS)


DESTINATIONS = {
    "absolute": "/etc/towpath/x.duckdb",
    "up": "../home/x.duckdb",
    "through-a-link": "linked/x.duckdb",
    "hidden": ".ssh/x.duckdb",
    "address": "file:///tmp/x.duckdb",
    "memory": ":memory:",
    "nul": "x\0.duckdb",
    "store": ".towpath/artefacts/x.duckdb",
    "store-in-capitals": ".TOWPATH/../.towpath/Artefacts/x",
    "state": ".towpath/temporal.db",
}


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
@pytest.mark.parametrize("path", DESTINATIONS.values(), ids=DESTINATIONS.keys())
def test_a_destination_stays_below_its_roots(path: str, kind: str, place: Path) -> None:
    """Neither made, nor looked at, nor cleaned. On the version before, folders and files were made there."""
    before = state(place.parent)
    clean = {"destination": destination(path, kind), "before": "2027-01-01T00:00:00Z"}
    for task, request in (
        ("prepare_destination", prepare(path, kind)),
        ("find_table", {"destination": destination(path, kind)}),
        ("read_watermark", {"destination": destination(path, kind), "pipeline": "items"}),
        ("clean_destination", clean),
    ):
        with pytest.raises(HouseError) as refused:
            do(task, request, place)
        assert refused.value.code == "path.refused", (task, refused.value)
    assert state(place.parent) == before


def lineage(path: str) -> dict[str, Any]:
    config = {
        "id": "items",
        "version": "1.0.0",
        "sources": [source("data/items.csv")],
        "target": TARGET,
        "transformation": {"source": "items", "operations": OPERATIONS},
        "destinations": [destination("data/items.duckdb")],
        "lineage": {"file": path},
    }
    return {"config": config, "event": "START", "workflow_id": "etl-pipeline/items", "step": "run", "at": AT}


@pytest.mark.parametrize("path", ["../home/secret.env", "linked/secret.env", ".env", "data/link.csv", "data/items.csv"])
def test_lineage_adds_to_no_file_of_others(path: str, place: Path) -> None:
    """Outside, behind a link, or with anything else in it. On the version before, lines were added to each."""
    before = state(place.parent)
    with pytest.raises(HouseError) as refused:
        do("emit_lineage", lineage(path), place)
    assert refused.value.code == "path.refused"
    assert state(place.parent) == before


OTHERS: dict[str, Callable[[Path], object]] = {
    "lock": lambda work: (work / "items.lock").write_text("pinned==1"),
    "lock-behind-a-link": lambda work: (work / "items.lock").symlink_to(work.parent / "home" / "secret.env"),
    "file": lambda work: (work / "items").write_text("precious"),
    "empty-file": lambda work: (work / "items").write_text(""),
    "sqlite": lambda work: (work / "items").write_bytes(b"SQLite format 3\0" + b"\0" * 84),
    "folder": lambda work: (work / "items").mkdir(),
    "link": lambda work: (work / "items").symlink_to(work.parent / "home" / "secret.env"),
    "log": lambda work: (work / "items.wal").write_text("precious"),
    "log-behind-a-link": lambda work: (work / "items.wal").symlink_to(work.parent / "home" / "nothing"),
}


@pytest.mark.parametrize("plant", OTHERS.values(), ids=OTHERS.keys())
def test_a_database_takes_no_file_of_others(plant: Callable[[Path], object], place: Path) -> None:
    """What lies under its name, its lock's or its log's stays as it is. On the version before, a lock was emptied."""
    plant(place)
    before = state(place.parent)
    with pytest.raises(HouseError):
        do("prepare_destination", prepare("items"), place)
    assert state(place.parent) == before


def test_a_database_of_its_own_is_opened_again(place: Path) -> None:
    """Whatever its name, and in folders that it makes."""
    for path in ("new.duckdb", "new.duckdb", "made/of/folders"):
        do("prepare_destination", prepare(path), place)
        assert (place / path).read_bytes()[8:12] == b"DUCK"


def test_a_dataset_leaves_what_is_not_its_own(place: Path) -> None:
    """Its lock empties nothing, and cleaning up removes its own parts alone. On the version before, both did."""
    lake = place / "lake"
    (lake / "data").mkdir(parents=True)
    (lake / ".lock").write_text("precious")
    (lake / "data" / "sales.parquet").write_text("precious")
    (lake / "notes.unfinished").write_text("precious")
    do("prepare_destination", prepare("lake", "parquet"), place)
    do("clean_destination", {"destination": destination("lake", "parquet"), "before": "2999-01-01T00:00:00Z"}, place)
    for left in (".lock", "data/sales.parquet", "notes.unfinished"):
        assert (lake / left).read_text() == "precious"


@pytest.mark.parametrize("name", ["../../../home/secret.csv", "/etc/passwd", "linked", "data"])
def test_a_manifest_names_parts_of_its_own(name: str, place: Path) -> None:
    """A manifest that was written by others leads nowhere else; nor does a folder of parts that is a link."""
    do("prepare_destination", prepare("lake", "parquet"), place)
    manifest = place / "lake" / "manifest.json"
    known = json.loads(manifest.read_text())
    if name in {"linked", "data"}:
        (place / "lake" / "data").symlink_to(place.parent / "home")
        name = f"data/{DIGEST}.parquet"
    file = {"name": name, "rows": 1, "size_bytes": 1, "bucket": 0}
    manifest.write_text(json.dumps(known | {"files": [file]}))
    (place.parent / "home" / f"{DIGEST}.parquet").write_text("precious")
    clean = {"destination": destination("lake", "parquet"), "before": "2999-01-01T00:00:00Z"}
    before = state(place.parent / "home")
    if (place / "lake" / "data").is_symlink():
        with pytest.raises(HouseError):
            do("load_part", loading(), place)
    else:
        do("clean_destination", clean, place)
    assert state(place.parent / "home") == before


def loading() -> dict[str, Any]:
    part = {"uri": f"aa/{DIGEST}.parquet", "rows": 1, "size_bytes": 1, "sha256": DIGEST, "schema_hash": ""}
    wanted = {"destination": destination("lake", "parquet"), "columns": TARGET["columns"], "key": ["id"]}
    return (
        wanted
        | {"newest_by": None, "partition_by": None, "part": part, "load": "l", "number": 0, "total": 1}
        | {"pipeline": "items"}
    )


PARTS = {
    "up": ("../../home/secret.env", DIGEST),
    "absolute": ("/etc/passwd", DIGEST),
    "digest": (f"aa/{DIGEST}.parquet", "/etc/passwd"),
    "digest-without-a-suffix": ("aa/x", "/etc/passwd"),
    "digest-up": (f"aa/{DIGEST}.csv", "../../../../home/secret"),
    "name": ("holds/secret.json", DIGEST),
    "nul": (f"aa/{DIGEST}\0", DIGEST),
}


@pytest.mark.parametrize(("uri", "sha256"), PARTS.values(), ids=PARTS.keys())
def test_a_part_is_named_by_its_digest(uri: str, sha256: str, place: Path) -> None:
    """Whatever a request calls a part, nothing but parts of the store is read. On the version before, `../secret.env`
    was looked for, and a digest that is a path was read as it lay there.
    """
    part = {"uri": uri, "rows": 1, "size_bytes": 1, "sha256": sha256, "schema_hash": ""}
    aside = {"quarantine": [{"stage": "extract", "part": part}]}
    without = {"uri": uri, "sha256": sha256, "rows": 1}
    good = {"uri": f"aa/{DIGEST}.parquet", "rows": 1, "size_bytes": 1, "sha256": DIGEST, "schema_hash": ""}
    for request in (aside, {"quarantine": [{"stage": "extract", "part": good | {"without": without}}]}):
        with pytest.raises(HouseError) as refused:
            do("read_quarantine", request, place)
        assert (refused.value.code, refused.value.retryable) == ("pipeline.store", False)
        assert "is no part of a dataset" in str(refused.value)


@pytest.mark.parametrize("pipeline", ["../../../home", "/etc", "a/b/c/d/e", "a\0b", "", ".", "a b"])
def test_a_frozen_specification_has_a_name_of_the_store(pipeline: str, place: Path) -> None:
    """A pipeline's name becomes a part of a path, and is one name."""
    before = state(place.parent)
    with pytest.raises(HouseError):
        do("find_specification", {"pipeline": pipeline, "source_schema": "a", "target_schema": "b"}, place)
    assert state(place.parent) == before


def test_the_worker_writes_no_rows_where_a_request_says(place: Path) -> None:
    """Quarantine goes to a file for a person at a command alone."""
    with pytest.raises(HouseError) as refused:
        do("read_quarantine", {"quarantine": [], "file": str(place / "out.csv")}, place)
    assert refused.value.code == "path.refused"
    assert not (place / "out.csv").exists()


def request(path: str, target: str, **fields: Any) -> dict[str, Any]:
    config = lineage("unused")["config"] | {
        "sources": [source(path)],
        "destinations": [destination(target)],
        "lineage": {},
        **fields,
    }
    return {"config": config, "digest": "0" * 64}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/etc/passwd", "{folder}/a.duckdb", id="source"),
        pytest.param(".env", "{folder}/b.duckdb", id="environment"),
        pytest.param("../../etc/passwd", "{folder}/c.duckdb", id="up"),
        pytest.param("file:///etc/passwd", "{folder}/d.duckdb", id="address"),
        pytest.param("{folder}/*.csv", "{folder}/e.duckdb", id="link-in-a-glob"),
        pytest.param("{folder}/items.csv", "/var/f.duckdb", id="destination"),
        pytest.param("{folder}/items.csv", "pyproject.toml", id="file-of-others"),
    ],
)
async def test_a_pipeline_started_by_plain_json_is_refused(
    path: str, target: str, house: House, tmp_path: Path
) -> None:
    """By the worker, whoever started it: the starter's check is no wall. On the version before, all of these ran."""
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    (tmp_path / "items.csv").write_text("id,price,updated_at\n1,2.00,2026-11-01 00:00:00\n")
    before = state(tmp_path)
    name = f"path-{tmp_path.name}"
    given = request(path.format(folder=tmp_path), target.format(folder=tmp_path), id=name.replace("_", "-").lower())
    handle = await house.client.start_workflow(
        "etl-pipeline", given, id=f"etl-pipeline/{given['config']['id']}", task_queue="etl-pipeline"
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    # What is wrong by its form alone is refused before anything is asked of a data process.
    assert cause.type == ("start.refused" if path.startswith(("..", "file:")) else "path.refused"), cause
    assert state(tmp_path) == before
