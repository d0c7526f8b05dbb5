"""The figures of pipelines as tables: what each lane took, and what is wanted."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from bench.etl import Measured
from bench.etl_lanes import Histories
from bench.etl_meter import MIB
from bench.etl_site import Figures

Row = tuple[str, str, str]
EVENTS, BYTES = 51_200, 50 * 1024**2
"""What Temporal allows a history. From a fifth of each on it warns."""
OURS = ("stages", "workflow")


def show_pipelines(console: Console, measured: Measured) -> None:
    console.print(_lanes(measured))
    for lane in OURS:
        if lane in measured.figures:
            console.print(_stages(lane, measured.figures[lane]))
    wanted = Table("pipelines", "measured", "wanted")
    for row in _wanted(measured):
        wanted.add_row(*row)
    if wanted.row_count:
        console.print(wanted)


def _lanes(measured: Measured) -> Table:
    title = "CPU in seconds, memory in MiB, summed over the processes of a lane; servers apart"
    table = Table(title=title, padding=(0, 0))
    table.add_column("lane", no_wrap=True)
    columns = ("rows", "wall s", "rows/s", "CPU client", "database", "Temporal", "RSS", "PSS", "wrong rows")
    for column in (*columns, "quarantined too many"):
        table.add_column(column, justify="right", no_wrap=column == "rows")
    for lane, row in measured.figures.items():
        table.add_row(
            lane,
            f"{row.rows:,}",
            f"{row.wall:.1f}",
            f"{row.rows / row.wall:,.0f}",
            *(f"{value:.1f}" for value in (row.used.cpu, row.database, row.engine)),
            *(f"{value:,.0f}" for value in (row.used.rss, row.used.pss)),
            ", ".join(f"{count:,}" for count in row.wrong.values()),
            "–" if row.quarantined is None else f"{row.quarantined:,}",
        )
    return table


def _stages(lane: str, row: Figures) -> Table:
    """As the tasks themselves tell it; the start of the processes, report and lineage are in the lane's sum alone."""
    table = Table(lane, "tasks", "CPU-s", "seconds", "peak RSS MiB", title="Stages of a lane")
    for stage in dict.fromkeys(one.stage for one in row.metrics):
        tasks = [one for one in row.metrics if one.stage == stage]
        table.add_row(
            stage,
            f"{len(tasks):,}",
            *(f"{value:.1f}" for value in (sum(t.cpu_seconds for t in tasks), sum(t.seconds for t in tasks))),
            f"{max(task.peak_rss_bytes for task in tasks) / MIB:,.0f}",
        )
    return table


def _wanted(measured: Measured) -> Iterator[Row]:
    figures = measured.figures
    ours = [row for lane, row in figures.items() if lane.startswith(OURS)]
    if ours:
        wrong = sum(sum(row.wrong.values()) + abs(row.quarantined or 0) for row in ours)
        yield "wrong rows of ours, in all destinations, killed or not", f"{wrong:,}", "0"
        yield (
            "summed RSS of ours, the most",
            f"{max(row.used.rss for row in ours):,.0f} MiB",
            "at most 2,048, target 1,229",
        )
    yield from _against_plain(measured)
    yield from _overhead(measured)
    yield from _growth(measured)
    if "workflow" in figures:
        for lane in (name for name in figures if "killed" in name):
            cost = figures[lane].wall - figures["workflow"].wall
            yield f"{lane}: longer by", f"{cost:.0f} s", ""
    if measured.histories is not None:
        yield from _limits(measured.histories)


def _against_plain(measured: Measured) -> Iterator[Row]:
    for lane, most in (
        ("stages", "1.3"),
        ("workflow", "1.3"),
        ("stages, started", "1.5"),
        ("workflow, started", "1.5"),
        ("workflow, older", ""),
    ):
        ratio = measured.ratio(lane, "plain", _cpu)
        if ratio is not None:
            yield f"{lane}: CPU against the plain script", f"{ratio:.2f}", f"at most {most}" if most else ""


def _overhead(measured: Measured) -> Iterator[Row]:
    for more in ("", ", started"):
        wall = measured.ratio(f"workflow{more}", f"stages{more}", lambda row: row.wall)
        cpu = measured.ratio(f"workflow{more}", f"stages{more}", lambda row: row.cpu + row.engine)
        if wall is not None and cpu is not None:
            yield f"workflow{more} against stages{more}: wall", f"{wall:.2f}", "at most 1.10"
            yield f"workflow{more} against stages{more}: CPU, Temporal's too", f"{cpu:.2f}", "at most 1.10"


def _growth(measured: Measured) -> Iterator[Row]:
    for title, of in (("wall a row", _wall_a_row), ("CPU a row", _cpu_a_row), ("summed RSS", _rss)):
        ratio = measured.ratio("workflow", "workflow, a tenth", of)
        if ratio is not None:
            yield f"ten times the rows: {title}", f"{ratio:.2f}", "about 1"


def _limits(found: Histories) -> Iterator[Row]:
    yield f"longest of {found.runs} histories", f"{found.events:,} events", f"below {EVENTS // 5:,}, of {EVENTS:,}"
    most = f"below {BYTES // 5:,}, of {BYTES:,}"
    yield f"largest of {found.runs} histories", f"{found.size_bytes:,} bytes", most


def _cpu(row: Figures) -> float:
    return row.cpu


def _rss(row: Figures) -> float:
    return row.used.rss


def _wall_a_row(row: Figures) -> float:
    return row.wall / row.rows


def _cpu_a_row(row: Figures) -> float:
    return row.cpu / row.rows
