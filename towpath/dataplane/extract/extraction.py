"""The tasks of extraction: what there is to read of a source, and one partition read into a part and a quarantine."""

from collections.abc import Iterable

from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.pipeline import FileSource, HttpSource
from towpath.contracts.pipeline.stages import Extracted, ExtractionPlanTask, ExtractTask, Planned, Replayed
from towpath.dataplane.core.errors import SourceFormatError
from towpath.dataplane.core.patterns import RE2_SYNTAX, pattern_problem
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.extract.api import extract_api, plan_api
from towpath.dataplane.extract.file_sources import extract_file, plan_files
from towpath.dataplane.extract.postgresql import extract_table, plan_table, table_columns
from towpath.dataplane.extract.replay import extract_replayed
from towpath.policy.pipeline.bounds import Bounds, BoundsError, cursor_bounds, has_days
from towpath.policy.pipeline.naming import renamed, unsure


def extract_partition(task: ExtractTask, work: Workspace) -> Extracted:
    """Bounded in memory whatever the partition's size. Another attempt begins anew and comes to the same rows.

    Raises DataError.
    """
    source, share = task.source, task.partition.slice
    if isinstance(share, Replayed):
        return extract_replayed(task, share, work)
    if isinstance(source, FileSource):
        return extract_file(task, source, work)
    if isinstance(source, HttpSource):
        return extract_api(task, source, work)
    return extract_table(task, source, work)


def plan_partitions(task: ExtractionPlanTask, work: Workspace) -> Planned:
    """Looks at the whole source once, as far as its size is not told otherwise. Raises DataError."""
    try:
        return _plan(task, work)
    except BoundsError as error:
        raise SourceFormatError(f"{task.source.name}: {error}") from error


def _plan(task: ExtractionPlanTask, work: Workspace) -> Planned:
    source = task.source
    for rule in source.validation:
        problem = pattern_problem(rule.value) if rule.rule == "pattern" else None
        if problem is not None:
            raise SourceFormatError(f"{source.name}: validation of {rule.column}: {problem}: {RE2_SYNTAX}")
    notes: tuple[str, ...] = ()
    _check_dates(task)
    if isinstance(source, FileSource):
        partitions, found, notes = plan_files(task, source, work)
        bounds = _bounds(task, found)
    elif isinstance(source, HttpSource):
        bounds = _bounds(task, source.columns)
        partitions, found = plan_api(task, source, bounds, work)
        bounds = _bounds(task, found)
    else:
        found = table_columns(source, work)
        partitions, bounds = plan_table(task, source, _bounds(task, found), work)
    if (doubt := unsure(found, source.columns)) is not None:
        raise SourceFormatError(f"{source.name}: {doubt}")
    notes = (*notes, *renamed(found, source.columns))
    columns = found or source.columns
    size = sum(partition.size_bytes for partition in partitions)
    since, until = bounds
    return Planned(partitions=partitions, columns=columns, since=since, until=until, size_bytes=size, notes=notes)


def _bounds(task: ExtractionPlanTask, found: Iterable[Column]) -> Bounds:
    """The cursor's type is the declared one, else the one that was found."""
    cursor = task.source.cursor
    types = {column.name: column for column in (*found, *task.source.columns)}
    if cursor is None or not types:
        return Bounds()
    if cursor.field not in types:
        raise BoundsError(f"there is no column {cursor.field} for a cursor")
    return cursor_bounds(cursor, types[cursor.field], watermark=task.watermark, dates=task.dates, full=task.full)


def _check_dates(task: ExtractionPlanTask) -> None:
    """Days that nothing tells apart would be read whole for each of them."""
    if task.dates is None or not task.source.main or has_days(task.source):
        return
    raise BoundsError("dates need a cursor, a partition by date, or a path with %Y, %m and %d")
