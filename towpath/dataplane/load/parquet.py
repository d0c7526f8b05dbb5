"""Loading into a Parquet dataset: parts wait in its folder, and with the last one the load becomes current at once."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import duckdb
from pydantic import ValidationError

from towpath.contracts.core.failure import FailureCode
from towpath.contracts.pipeline.loading import (
    CleanDestination,
    DestinationCleaned,
    DestinationPrepared,
    LoadPart,
    ParquetDestination,
    PartLoaded,
    PrepareDestination,
)
from towpath.contracts.pipeline.stages import Watermark, WatermarkTask
from towpath.dataplane.core.engine import EngineLimits, open_engine
from towpath.dataplane.core.errors import DataError, DestinationError, LoadError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.load.folder import Folder, data_name, open_folder
from towpath.dataplane.load.ledger import Counts, told_boundary, told_watermark
from towpath.dataplane.load.manifest import DataFile, Manifest, OpenLoad, check_staged, made, prepared
from towpath.dataplane.load.merging import Merging
from towpath.dataplane.load.target import LoadTarget, target_of

ATTEMPTS = 5
"""To replace a manifest that others replace meanwhile."""


@dataclass(frozen=True, slots=True)
class ParquetLoader:
    """A dataset, whose manifest says what is in it."""

    destination: ParquetDestination
    work: Workspace

    def prepare(self, request: PrepareDestination) -> DestinationPrepared:
        """Raises DestinationError, LoadError."""
        target = target_of(request)
        folder = open_folder(self.destination, self.work)
        with folder.alone():
            for _ in range(ATTEMPTS):
                known, version = self._read(folder)
                if known is None:
                    after, done = made(target, self.destination.buckets), DestinationPrepared(created=True)
                else:
                    after, done = prepared(known, target)
                if after == known or folder.swap(_written(after), version):
                    return done
        raise self._contended()

    def load(self, request: LoadPart) -> PartLoaded:
        """Raises DestinationError, LoadError. The numbers of the last part are those of the whole load."""
        began = monotonic()
        target = target_of(request)
        folder = open_folder(self.destination, self.work)
        known, _ = self._read(folder)
        done = None if known is None else known.find(request)
        if done is not None:
            return done
        local = self.work.local(request.part)
        buckets = self.destination.buckets if known is None else known.buckets
        with self._merging(target, buckets) as merging:
            staged = _put(folder, merging.stage(local, request.number), request.part.rows)
            with folder.alone():
                for _ in range(ATTEMPTS):
                    before, version = self._read(folder)
                    done = None if before is None else before.find(request)
                    if done is not None:
                        return done
                    base = made(target, buckets) if before is None else prepared(before, target)[0]
                    after, counts = _Load(request, folder, merging, self.work).into(base, staged)
                    if folder.swap(_written(after), version):
                        self.work.progress(request.part.rows, request.part.size_bytes)
                        return counts.loaded(request.part.rows, monotonic() - began)
        raise self._contended()

    def watermark(self, request: WatermarkTask) -> Watermark:
        known, _ = self._read(open_folder(self.destination, self.work))
        if known is None:
            return Watermark()
        found = known.watermarks.get(request.pipeline)
        return told_watermark(None if found is None else found.mark, known.history(request.pipeline), self.work)

    def is_there(self) -> bool:
        return self._read(open_folder(self.destination, self.work))[0] is not None

    def clean(self, request: CleanDestination) -> DestinationCleaned:
        """Removes files that nothing names, those of loads that are given up among them."""
        folder = open_folder(self.destination, self.work)
        files = size = 0
        with folder.alone():
            known, version = self._read(folder)
            if known is None:
                return DestinationCleaned()
            kept = {load: one for load, one in known.open.items() if not _given_up(one, request)}
            after = known.model_copy(update={"open": kept})
            if after != known and not folder.swap(_written(after), version):
                raise self._contended()
            named = {file.name for file in after.files}
            named |= {part.file.name for one in after.open.values() for part in one.parts}
            for name, size_bytes in folder.old(request.before):
                if name not in named:
                    folder.remove(name)
                    files, size = files + 1, size + size_bytes
        return DestinationCleaned(files=files, size_bytes=size)

    @contextmanager
    def _merging(self, target: LoadTarget, buckets: int) -> Generator[Merging]:
        try:
            with open_engine(
                self.work.folder, EngineLimits(memory_bytes=self.work.memory_bytes, threads=self.work.threads)
            ) as engine:
                yield Merging(engine, target, self.work.folder.resolve(), buckets)
        except duckdb.OutOfMemoryException as error:
            message = f"{self.destination.name}: loading into Parquet needs more memory than it may have"
            raise DataError(FailureCode.PIPELINE_OUT_OF_MEMORY, message) from error
        except duckdb.IOException as error:
            raise DestinationError(
                f"{self.destination.name}: files cannot be written ({type(error).__name__})"
            ) from error
        except duckdb.Error as error:
            # Its text may hold values of a row.
            raise LoadError(f"{self.destination.name}: the rows cannot be written: {type(error).__name__}") from error

    def _read(self, folder: Folder) -> tuple[Manifest | None, str | None]:
        found = folder.manifest()
        if found is None:
            return None, None
        try:
            return Manifest.model_validate_json(found[0]), found[1]
        except ValidationError as error:
            raise LoadError(f"{self.destination.name}: manifest.json is not a manifest of this version") from error

    def _contended(self) -> DestinationError:
        return DestinationError(f"{self.destination.name}: others replaced the manifest {ATTEMPTS} times meanwhile")


def _given_up(load: OpenLoad, request: CleanDestination) -> bool:
    """It began before the moment and never ended."""
    return load.began_at < request.before and request.pipeline in {"", load.pipeline}


@dataclass(frozen=True, slots=True)
class _Load:
    """One part's way into a manifest, and with the last part the load's."""

    request: LoadPart
    folder: Folder
    merging: Merging
    work: Workspace

    def into(self, base: Manifest, staged: DataFile) -> tuple[Manifest, Counts]:
        waiting = base.stage(self.request, staged)
        if not check_staged(self.request, waiting):
            return waiting, Counts()
        parts = waiting.open[self.request.load].parts
        if base.strategy == "append":
            files = (*base.files, *(part.file for part in parts))
            counts = Counts(inserted=sum(part.file.rows for part in parts))
        else:
            files, counts = self._merged(base, [part.file for part in parts])
        return waiting.finish(self.request, files, told_boundary(self.request, self.work)), counts

    def _merged(self, base: Manifest, incoming: Sequence[DataFile]) -> tuple[tuple[DataFile, ...], Counts]:
        staged = [self._local(file) for file in incoming]
        files = {file.bucket: file for file in base.files}
        total = Counts()
        for number in self.merging.touched(staged):
            current = [self._local(files[number])] if number in files else []
            merged = self.merging.merge(number, current, staged)
            total = _sum(total, merged.counts)
            if merged.file is not None:
                files[number] = _put(self.folder, merged.file, merged.rows, number)
            elif merged.changed:
                files.pop(number, None)
            for file in current:
                file.unlink()
        return tuple(sorted(files.values(), key=lambda file: file.bucket or 0)), total

    def _local(self, file: DataFile) -> Path:
        target = self.work.folder / f"dataset-{Path(file.name).name}"
        if not target.exists():
            self.folder.get(file.name, target)
        return target


def _written(manifest: Manifest) -> bytes:
    return manifest.model_dump_json(exclude_defaults=True).encode()


def _put(folder: Folder, file: Path, rows: int, bucket: int | None = None) -> DataFile:
    name, size = data_name(file), file.stat().st_size
    folder.put(name, file)
    file.unlink()
    return DataFile(name=name, bucket=bucket, rows=rows, size_bytes=size)


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        inserted=one.inserted + other.inserted,
        updated=one.updated + other.updated,
        stale=one.stale + other.stale,
        deleted=one.deleted + other.deleted,
    )
