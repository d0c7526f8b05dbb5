"""`starter.py etl profile`: what is in a source, before anything is run on it."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.etl.files import config_of
from towpath.cli.etl.plane import local_plane
from towpath.cli.files import write_text
from towpath.cli.terminal import Exit, console, fail, problems
from towpath.contracts.pipeline.dataset import Column, ColumnProfile, ColumnType
from towpath.contracts.pipeline.inspection import SourceProfiled, SourceProfileTask
from towpath.contracts.pipeline.pipeline import FileSource, Source
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.control.temporal import run_to_end
from towpath.dataplane.report.words import share, size
from towpath.engine.expression.suggestions import did_you_mean
from towpath.policy.pipeline.naming import identifier
from towpath.views.tables import show_table
from towpath.views.wording import count

DATA_FILES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
COMPRESSED = {".gz", ".zst"}
MOST_SHOWN = 3
LONGEST = 24


def register(app: typer.Typer) -> None:
    app.command("profile")(profile)


def profile(
    pipeline: Annotated[
        str, typer.Argument(help="A pipeline by id or file, or a file of data: .csv, .ndjson, .parquet, .csv.gz.")
    ],
    source: Annotated[str | None, typer.Option(help="Which source; without it, the main one.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Read about so many rows, from everywhere in the source.")] = 200_000,
    out: Annotated[
        Path | None, typer.Option(help="Write it to a file: a page with plots, or JSON by the name's end.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """What is in a source: nulls, distinct values, extremes, shapes, frequent values. Needs no server and no worker.

    It reads with the connections that are set here, and keeps nothing but --out. It shows values of the source:
    frequent ones, the least and the greatest. Where those are personal data, so is the profile.
    """
    wanted, key = _source(pipeline, source)
    named = Path(pipeline) if _data_type(Path(pipeline)) is not None else None
    found = run_to_end(_profile(SourceProfileTask(source=wanted, rows=rows, key=key), named))
    if not found.partitions:
        fail(Exit.NOT_FOUND, f"{wanted.name}: there is nothing to read at {_place(wanted)}")
    if out is not None:
        _write(out, found)
    if as_json:
        show_json(_as_json(found))
    elif out is None:
        _show(found)
    else:
        console.print(f"written: {out}", markup=False)


def _source(pipeline: str, name: str | None) -> tuple[Source, tuple[str, ...]]:
    path = Path(pipeline)
    kind = _data_type(path)
    if kind is not None:
        return FileSource.model_validate({"name": identifier(path.stem), "type": kind, "path": pipeline}), ()
    config = config_of(pipeline)
    if name is None or name == config.main.name:
        return config.main, config.target.key
    known = {source.name: source for source in config.sources}
    if name not in known:
        fail(Exit.WRONG_INPUT, f"{config.id} has no source {name!r}{did_you_mean(name, known)}")
    return known[name], ()


def _data_type(path: Path) -> str | None:
    """The type of source that a file of data is, by its name; None for a pipeline."""
    inner = path.with_suffix("") if path.suffix in COMPRESSED else path
    return DATA_FILES.get(inner.suffix)


async def _profile(task: SourceProfileTask, named: Path | None) -> SourceProfiled:
    async with local_plane(named=named) as plane:
        if not problems.is_terminal:
            return await plane.run("profile_source", task, SourceProfiled, lambda _: None)
        with Live(console=problems, transient=True) as live:

            def tell(progress: TaskProgress) -> None:
                done = f"{count(progress.rows, 'row')}, {progress.size_bytes / 1024**2:,.1f} MiB"
                live.update(Text(f"{task.source.name}: {done}, {progress.seconds:.1f} s"))

            return await plane.run("profile_source", task, SourceProfiled, tell)


def _place(source: Source) -> str:
    return f"table {source.table}" if source.type == "postgresql" else source.path


def _write(out: Path, found: SourceProfiled) -> None:
    text = json.dumps(_as_json(found), indent=2, ensure_ascii=False) if out.suffix == ".json" else found.page
    write_text(out, text)


def _as_json(found: SourceProfiled) -> dict[str, object]:
    return found.model_dump(mode="json", exclude={"page", "attempt"})


def _show(found: SourceProfiled) -> None:
    profile = found.profile
    shares = f"{found.partitions_read} of {found.partitions} shares of {size(found.size_bytes)} read"
    console.print(f"{profile.dataset}: {count(profile.rows, 'row')} looked at, {shares}", markup=False)
    for note in _notes(found):
        console.print(note, markup=False, soft_wrap=True)
    declared = {column.name: column for column in found.declared}
    table = Table(box=None, pad_edge=False)
    for name in ("column", "type"):
        table.add_column(name, no_wrap=True)
    for name in ("null", "distinct"):
        table.add_column(name, no_wrap=True, justify="right")
    for name in ("least", "greatest", "values"):
        table.add_column(name)
    for column in profile.columns:
        texts = (_line(column.minimum or ""), _line(column.maximum or ""), _line(_values(column), LONGEST * 4))
        kind, nulls = _kind(column, declared.get(column.name)), share(column.nulls, column.rows)
        table.add_row(Text(column.name), kind, nulls, f"{column.distinct:,}", *texts)
    show_table(console, table)


def _notes(found: SourceProfiled) -> list[str]:
    notes = (
        [f"{count(found.profile.duplicates, 'row')} with a key that occurred before"]
        if found.profile.duplicates
        else []
    )
    notes += [f"{count(found.unreadable, 'row')} could not be read"] if found.unreadable else []
    return [*notes, *found.notes, *found.changes]


def _kind(column: ColumnProfile, declared: Column | None) -> str:
    """The type, and for a column of text what all its values are."""
    is_text = declared is not None and declared.type is ColumnType.TEXT and column.type is not ColumnType.TEXT
    return f"text, all {column.type}" if is_text else str(column.type)


def _values(column: ColumnProfile) -> str:
    unique = column.distinct == column.rows - column.nulls
    shown = column.formats if unique and column.formats else column.top
    return ", ".join(f"{_cut(value)} {share(times, column.rows)}" for value, times in shown[:MOST_SHOWN])


def _cut(value: str, most: int = LONGEST) -> str:
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _line(value: str, most: int = LONGEST) -> Text:
    return Text(_cut(value, most), no_wrap=True, overflow="ellipsis")
