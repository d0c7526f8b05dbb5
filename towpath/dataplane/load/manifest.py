"""The manifest of a Parquet dataset: which files are current, what is loaded, and how far. It changes as a whole."""

from datetime import UTC, datetime

from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import Column, ColumnName
from towpath.contracts.pipeline.loading import DestinationPrepared, LoadPart, PartLoaded, Strategy
from towpath.dataplane.core.columns import sql_type
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.ledger import HISTORY, Mark, check_complete, check_same, check_unmoved
from towpath.dataplane.load.target import LoadTarget, wider

KEPT_LOADS = 1000


class DataFile(Wire):
    """A file of the dataset. `name` is relative to its folder; an older file may lack columns that were added since."""

    name: str
    bucket: int | None = None
    rows: int
    size_bytes: int


class StagedPart(Wire):
    """A part that waits for the rest of its load."""

    number: int
    sha256: str
    file: DataFile


class OpenLoad(Wire):
    pipeline: str
    total: int
    began_at: datetime
    parts: tuple[StagedPart, ...] = ()


class DoneLoad(Wire):
    """`parts` are the digests of what was loaded, by number."""

    load: str
    pipeline: str
    rows: int
    parts: dict[int, str]
    done_at: datetime


class DatasetWatermark(Wire):
    value: str
    load: str
    boundary: str = ""

    @property
    def mark(self) -> Mark:
        return Mark(self.value, self.boundary, self.load)


class Manifest(Wire):
    """What is not named here does not exist. `buckets` is settled when the dataset is made."""

    format: int = 1
    strategy: Strategy
    columns: tuple[Column, ...]
    key: tuple[ColumnName, ...] = ()
    partition_by: ColumnName | None = None
    buckets: int
    files: tuple[DataFile, ...] = ()
    open: dict[str, OpenLoad] = {}
    done: tuple[DoneLoad, ...] = ()
    watermarks: dict[str, DatasetWatermark] = {}

    def find(self, request: LoadPart) -> PartLoaded | None:
        """The part, when it is loaded or waits. Raises LoadError when another part does, under the same name."""
        known = {one.load: one.parts for one in self.done}.get(request.load)
        if known is None:
            parts = self.open[request.load].parts if request.load in self.open else ()
            known = {part.number: part.sha256 for part in parts}
        if request.number not in known:
            return None
        check_same(request, known[request.number])
        return PartLoaded(rows=request.part.rows, skipped=True)

    def stage(self, request: LoadPart, file: DataFile) -> "Manifest":
        """With one more part of a load that waits for its rest."""
        found = self.open.get(
            request.load, OpenLoad(pipeline=request.pipeline, total=request.total, began_at=datetime.now(UTC))
        )
        part = StagedPart(number=request.number, sha256=request.part.digest, file=file)
        parts = tuple(sorted((*found.parts, part), key=lambda one: one.number))
        return self.model_copy(update={"open": {**self.open, request.load: found.model_copy(update={"parts": parts})}})

    def finish(self, request: LoadPart, files: tuple[DataFile, ...], boundary: str = "") -> "Manifest":
        """With the load done, and its files current. The watermark moves where the request has one."""
        ended = self.open[request.load]
        done = DoneLoad(
            load=request.load,
            pipeline=ended.pipeline,
            rows=sum(part.file.rows for part in ended.parts),
            parts={part.number: part.sha256 for part in ended.parts},
            done_at=datetime.now(UTC),
        )
        return self.model_copy(
            update={
                "files": files,
                "open": {load: one for load, one in self.open.items() if load != request.load},
                "done": (*self.done, done)[-KEPT_LOADS:],
                "watermarks": self._advanced(request, boundary),
            }
        )

    def history(self, pipeline: str) -> tuple[int, ...]:
        """Rows of the latest loads, newest last."""
        return tuple(one.rows for one in self.done if one.pipeline == pipeline)[-HISTORY:]

    def _advanced(self, request: LoadPart, boundary: str) -> dict[str, DatasetWatermark]:
        if request.watermark is None:
            return self.watermarks
        known, told = self.watermarks.get(request.pipeline), Mark(request.watermark, boundary)
        check_unmoved(request, None if known is None else known.mark)
        mark = told if known is None else known.mark.moved(told)
        moved = DatasetWatermark(value=mark.value, load=request.load, boundary=mark.boundary)
        return {**self.watermarks, request.pipeline: moved}


def check_staged(request: LoadPart, manifest: Manifest) -> bool:
    """Whether all parts of the load wait. Raises LoadError when a watermark comes before that."""
    present = len(manifest.open[request.load].parts)
    if request.watermark is not None:
        check_complete(request, present)
    return present == request.total


def prepared(manifest: Manifest, target: LoadTarget) -> tuple[Manifest, DestinationPrepared]:
    """The manifest with the target's columns. Raises LoadError for a target that is another dataset."""
    asked = (target.strategy, target.key, target.partition_by if target.strategy == "delete_insert" else None)
    if asked != (manifest.strategy, manifest.key, manifest.partition_by):
        raise LoadError("the dataset was made with another strategy, key or partition column: load into a new folder")
    known = {column.name: column for column in manifest.columns}
    wanted = {column.name: column for column in target.stored}
    if known.keys() - wanted.keys():
        gone = ", ".join(sorted(known.keys() - wanted.keys()))
        raise LoadError(f"the dataset has columns that the target lacks: {gone}; keep them, or load into a new folder")
    widened = tuple(name for name, column in known.items() if _grows(column, wanted[name]))
    added = tuple(name for name in wanted if name not in known)
    if {*widened, *added} & {*target.unique}:
        raise LoadError("a key's columns stay as the dataset was made: load into a new folder")
    columns = tuple(wanted[name] if name in widened else column for name, column in known.items())
    grown = manifest.model_copy(update={"columns": (*columns, *(wanted[name] for name in added))})
    return grown, DestinationPrepared(added=added, widened=widened)


def made(target: LoadTarget, buckets: int) -> Manifest:
    return Manifest(
        strategy=target.strategy,
        columns=target.stored,
        key=target.key,
        partition_by=target.partition_by if target.strategy == "delete_insert" else None,
        buckets=buckets,
    )


def _grows(known: Column, wanted: Column) -> bool:
    if sql_type(known) == sql_type(wanted):
        return False
    if known.type is wanted.type:
        return wider(wanted, known.precision, known.scale)
    raise LoadError(
        f"column {known.name} of the dataset is {known.type} and the target's is {wanted.type}:"
        " cast in the transformation, or load into a new folder"
    )
