"""`make bench`: all figures, as tables. `python -m bench --help` for parts of it."""

import argparse
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.alerts import first_pages, show_pages, show_storm, storm
from bench.claude_call import CallFigures, claude_call
from bench.declared import (
    CHAIN_SECONDS,
    ChainFigures,
    LoopFigures,
    PlanFigures,
    chain_figures,
    lane_d,
    loop_figures,
    plan_figures,
)
from bench.effects import LANES as EFFECT_LANES
from bench.effects import EffectSize, effect_figures
from bench.effects_tables import show_effects
from bench.etl import Measured, add_options, measure
from bench.etl_tables import show_pipelines
from bench.expressions import ExpressionRow, expression_rows
from bench.hostile import HostileRow, hostile_rows
from bench.lanes import House, LaneFigures, lane_a, lane_b, lane_c, lane_e
from bench.measure import median
from bench.processes import costs, show_costs, show_walls, walls
from bench.texts import TextRow, text_rows
from bench.transport import show_transports, transport_rows
from bench.waiting import WaitingFigures, waiting
from towpath.control.temporal import run_to_end
from towpath.local.server import free_port, temporal_server
from towpath.local.stack import stand_ins, worker_process

PARTS = (
    *("start", "claude", "effects", "lanes", "waiting", "expressions", "definitions", "loops", "chains", "texts"),
    *("processes", "alerts", "transport", "etl"),
)
LANES = {"a": lane_a, "b": lane_b, "c": lane_c, "d": lane_d, "e": lane_e}
TITLES = {"a": "a plain", "b": "b shortest", "c": "c onboarding", "d": "d definition", "e": "e encrypted"}
RATIOS = (("runs/s", "runs_per_second"), ("CPU", "cpu"), ("idle p50", "idle_p50"))
PLANNED = (10, 100, 1_000)
LOOP_ROUNDS = 5
ROUNDS = 3
EFFECT_ROUNDS = 5
console = Console(highlight=False, width=max(120, Console().width))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print the figures as tables.")
    parser.add_argument(
        "parts", nargs="*", type=_part, metavar="PART", help=f"what to measure: {', '.join(PARTS)}; all if left out"
    )
    parser.add_argument(
        "--rounds", type=int, help=f"rounds of the lanes (default {ROUNDS}, of effects {EFFECT_ROUNDS})"
    )
    parser.add_argument("--runs", type=int, default=300, help="runs of a lane in a round (default %(default)s)")
    parser.add_argument("--idle", type=int, default=40, help="runs one by one, for latency (default %(default)s)")
    parser.add_argument("--passes", type=int, default=5, help="crashes of each effect lane (default %(default)s)")
    parser.add_argument(
        "--effect-lanes",
        nargs="+",
        choices=EFFECT_LANES,
        default=list(EFFECT_LANES),
        metavar="LANE",
        help=f"which effect lanes: {', '.join(EFFECT_LANES)} (default: all)",
    )
    parser.add_argument("--waiting", type=int, default=10_000, help="runs that wait for review (default %(default)s)")
    parser.add_argument("--items", type=int, default=100_000, help="items of the large loop (default %(default)s)")
    parser.add_argument("--concurrency", type=int, default=50, help="of the loops (default %(default)s)")
    parser.add_argument("--costs", type=int, default=40, help="runs for the cost of a run (default %(default)s)")
    parser.add_argument("--chains", type=int, default=1_000, help="runs of 20 steps with a wait (default %(default)s)")
    add_options(parser)
    options = parser.parse_args()
    run_to_end(bench(options.parts or PARTS, options))


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}")
    return text


async def bench(parts: Sequence[str], options: argparse.Namespace) -> None:
    begun = time.perf_counter()
    for name in PARTS:
        if name in parts:
            await MEASURES[name](options)
    console.print(f"measured in {time.perf_counter() - begun:.0f} s")


async def measure_start(_: argparse.Namespace) -> None:
    async with house() as where:
        show_start([await _start_seconds(where) for _ in range(3)])


async def measure_transport(_: argparse.Namespace) -> None:
    show_transports(console, await transport_rows())


async def measure_claude(_: argparse.Namespace) -> None:
    async with house() as where:
        show_claude(await claude_call(where))


async def measure_effects(options: argparse.Namespace) -> None:
    size = EffectSize(options.rounds or EFFECT_ROUNDS, options.runs, options.idle, options.passes)
    show_effects(console, await effect_figures(in_memory, options.effect_lanes, size, say))


async def measure_onboarding(options: argparse.Namespace) -> None:
    async with house() as where:
        show_lanes(await measure_lanes(where, options.rounds or ROUNDS, options.runs, options.idle))


async def measure_waiting(options: argparse.Namespace) -> None:
    async with house() as where:
        show_waiting(await waiting(where, options.waiting, say))


async def measure_expressions(_: argparse.Namespace) -> None:
    show_expressions(expression_rows())


async def measure_definitions(_: argparse.Namespace) -> None:
    show_plans([plan_figures(count) for count in PLANNED])
    show_hostile(hostile_rows())


async def measure_texts(_: argparse.Namespace) -> None:
    show_texts(text_rows())


async def measure_items(options: argparse.Namespace) -> None:
    async with house() as where:
        pairs = await measure_loops(where, options.items // LOOP_ROUNDS // 2, options.concurrency)
        show_loops(pairs, await loop_figures(where, options.items, options.concurrency, by_hand=False))


async def measure_chains(options: argparse.Namespace) -> None:
    async with house() as where:
        show_chains(await chain_figures(where, options.chains))


async def measure_processes(options: argparse.Namespace) -> None:
    async with house() as where:
        show_walls(console, await walls(where, options.rounds or ROUNDS))
    async with house() as where:
        show_costs(console, await costs(where, options.costs))


async def measure_alerts(options: argparse.Namespace) -> None:
    async with house() as where:
        show_pages(console, await first_pages(where, options.idle))
    async with house() as where:
        show_storm(console, await storm(where))


async def measure_pipelines(options: argparse.Namespace) -> None:
    measured = Measured(say)
    try:
        await measure(measured, options, house, say)
    finally:
        show_pipelines(console, measured)


MEASURES = {
    "start": measure_start,
    "claude": measure_claude,
    "effects": measure_effects,
    "lanes": measure_onboarding,
    "waiting": measure_waiting,
    "expressions": measure_expressions,
    "definitions": measure_definitions,
    "loops": measure_items,
    "chains": measure_chains,
    "texts": measure_texts,
    "processes": measure_processes,
    "alerts": measure_alerts,
    "transport": measure_transport,
    "etl": measure_pipelines,
}


@asynccontextmanager
async def house() -> AsyncGenerator[House]:
    """An embedded server on a database file, as in the demo, and stand-ins that answer at once."""
    state = Path(".towpath/bench")
    for old in state.glob("bench.db*"):
        old.unlink()
    async with temporal_server(db=state / "bench.db", log=state / "temporal.log") as server, stand_ins() as standins:
        yield House(server, standins)


@asynccontextmanager
async def in_memory() -> AsyncGenerator[House]:
    """The same with its state in memory: the server with all defaults, which it is held against, keeps it there too."""
    async with temporal_server(log=Path(".towpath/bench/temporal.log")) as server, stand_ins() as standins:
        yield House(server, standins)


async def measure_lanes(where: House, rounds: int, runs: int, idle: int) -> dict[str, list[LaneFigures]]:
    figures: dict[str, list[LaneFigures]] = {name: [] for name in LANES}
    for number in range(rounds):
        for name, lane in LANES.items():
            figures[name].append(await lane(where, runs, idle))
            say(f"round {number + 1}, lane {TITLES[name]}: {figures[name][-1].runs_per_second:.1f} runs/s")
    return figures


async def measure_loops(where: House, items: int, concurrency: int) -> list[tuple[LoopFigures, LoopFigures]]:
    """The same loop by hand and as a definition, in turns; the one that comes first changes each time."""
    pairs: list[tuple[LoopFigures, LoopFigures]] = []
    for number in range(LOOP_ROUNDS):
        order = (True, False) if number % 2 == 0 else (False, True)
        found = {by_hand: await loop_figures(where, items, concurrency, by_hand=by_hand) for by_hand in order}
        pairs.append((found[True], found[False]))
        say(f"round {number + 1}: {found[True].items_per_second:.0f} and {found[False].items_per_second:.0f} items/s")
    return pairs


def show_expressions(rows: Sequence[ExpressionRow]) -> None:
    languages = list(rows[0].microseconds)
    table = Table("µs each", "context", *languages, title="Evaluating an expression, compiled once")
    for row in rows:
        figures = [f"{row.microseconds[name]:,.2f}" for name in languages]
        table.add_row(row.title, f"{row.size_bytes:,} B", *figures)
    console.print(table)


def show_plans(rows: Sequence[PlanFigures]) -> None:
    table = Table("steps", "check s", "decision ms", "worst ms", "µs a step", title="Checking and deciding")
    for row in rows:
        table.add_row(
            f"{row.steps:,}",
            f"{row.check_seconds:.3f}",
            f"{row.mean_ms:.3f}",
            f"{row.worst_ms:.2f}",
            f"{row.check_seconds / row.steps * 1e6:.0f}",
        )
    console.print(table)


def show_hostile(rows: Sequence[HostileRow]) -> None:
    table = Table("hostile definition", "bytes", "s", "MB more", "first told", title="Checking what was made to hurt")
    for row in rows:
        table.add_row(row.title, f"{row.size_bytes:,}", f"{row.seconds:.3f}", f"{row.added_mb:.0f}", row.code)
    console.print(table)


def show_texts(rows: Sequence[TextRow]) -> None:
    table = Table("1 MB of", "as source s", "as post s", "against 0.5 MB", title="Checking texts (wanted: about 2×)")
    for row in rows:
        table.add_row(row.title, f"{row.source:.2f}", f"{row.shortened:.2f}", f"{row.ratio:.1f}×")
    console.print(table)


def show_loops(pairs: Sequence[tuple[LoopFigures, LoopFigures]], full: LoopFigures) -> None:
    table = Table(
        *("loop", "items", "items/s", "CPU ms an item", "most at once", "longest history", "RSS MB"), title="for_each"
    )
    rows = [("by hand", [pair[0] for pair in pairs]), ("definition", [pair[1] for pair in pairs])]
    for name, figures in (*rows, ("definition", [full])):
        table.add_row(
            name,
            f"{figures[0].items:,}",
            f"{median([row.items_per_second for row in figures]):.0f}",
            f"{median([row.cpu for row in figures]):.2f}",
            str(max(row.most_at_once for row in figures)),
            f"{max(row.events for row in figures):,}",
            f"{max(row.rss_mb for row in figures):.0f}",
        )
    console.print(table)
    for name, field in (("items/s", "items_per_second"), ("CPU", "cpu")):
        each = [getattr(declared, field) / getattr(by_hand, field) for by_hand, declared in pairs]
        console.print(f"{name} of the definition: {median(each):.2f}× by hand ({min(each):.2f} to {max(each):.2f})")


def show_chains(figures: ChainFigures) -> None:
    console.print(
        f"{figures.runs:,} runs of 20 steps with a wait of {CHAIN_SECONDS:g} s: {figures.wall:.1f} s; "
        f"one alone {figures.alone:.1f} s; {figures.wall / figures.alone:.3f}× (wanted: at most 1.1); "
        f"CPU {figures.cpu_server:.1f} ms a run of the server, {figures.cpu_worker:.1f} of the worker"
    )


def show_lanes(figures: dict[str, list[LaneFigures]]) -> None:
    table = Table("lane", title="runs/s, latency in ms, CPU in ms a run, peak RSS in MB, history of one run")
    for column in ("runs/s", "p50", "p95", "CPU", "server", "worker", "RSS", "events", "bytes", "actions"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, rows in figures.items():
        history = rows[-1].history
        table.add_row(
            TITLES[name],
            *(f"{_mid(rows, field):.1f}" for field in ("runs_per_second", "idle_p50", "idle_p95", "cpu")),
            *(f"{_mid(rows, field):.1f}" for field in ("cpu_server", "cpu_worker", "peak_rss_mb")),
            *((str(history.events), str(history.size_bytes), str(history.actions)) if history else ("-", "-", "-")),
        )
    console.print(table)
    wanted = ("at least 1.5", "at most 0.7", "at most 0.6", "no more")
    show_ratios("c against b", figures["c"], figures["b"], wanted)
    show_ratios("d against c", figures["d"], figures["c"], ("at least 0.9", "at most 1.1", "", "at most 1.1"))
    show_ratios("e against c: what encryption costs", figures["e"], figures["c"], ("", "", "", ""))


def show_ratios(title: str, ours: Sequence[LaneFigures], theirs: Sequence[LaneFigures], wanted: Sequence[str]) -> None:
    """One lane against another, round by round: the median of the ratios, and their range."""
    ratios = Table(title, "measured", "wanted")
    for (name, field), goal in zip(RATIOS, wanted, strict=False):
        each = [getattr(mine, field) / getattr(other, field) for mine, other in zip(ours, theirs, strict=True)]
        ratios.add_row(name, f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})", goal)
    mine, other = ours[-1].history, theirs[-1].history
    if mine is not None and other is not None:
        both = f"{mine.events} against {other.events} ({mine.events / other.events:.2f})"
        ratios.add_row("history events", both, wanted[-1])
    console.print(ratios)


def show_waiting(figures: WaitingFigures) -> None:
    table = Table(f"{figures.runs} waiting for review", "measured", "wanted")
    table.add_row("all waiting after", f"{figures.start_seconds:.0f} s", "")
    table.add_row("worker RSS while all wait", f"{figures.rss_waiting_mb:.0f} MB", "at most 600 MB")
    table.add_row("worker RSS, peak over all", f"{figures.rss_peak_mb:.0f} MB", "at most 600 MB")
    table.add_row("first decision after kill -9 and restart", f"{figures.first_decision_seconds:.2f} s", "within 2 s")
    table.add_row("all decided and onboarded after", f"{figures.decide_seconds:.0f} s", "")
    table.add_row("onboarded", str(figures.onboarded), f"{figures.runs}, none lost")
    console.print(table)


def show_claude(figures: CallFigures) -> None:
    table = Table("CPU of one Claude call", "ms")
    table.add_row("through `ask`", f"{figures.ask_ms:.1f}")
    table.add_row("by the SDK alone", f"{figures.sdk_ms:.1f}")
    table.add_row("more", f"{figures.ask_ms - figures.sdk_ms:.1f} (wanted: at most 30)")
    console.print(table)


def show_start(seconds: Sequence[float]) -> None:
    table = Table("worker", "measured", "wanted")
    table.add_row("ready after", ", ".join(f"{value:.1f} s" for value in seconds), "within 5 s")
    console.print(table)


async def _start_seconds(where: House) -> float:
    begun = time.perf_counter()
    async with worker_process(where.server, where.standins, metrics_port=free_port()):
        return time.perf_counter() - begun


def _mid(rows: Sequence[LaneFigures], field: str) -> float:
    return median([getattr(row, field) for row in rows])


def say(text: str) -> None:
    console.print(f"  {text}", style="dim", soft_wrap=True)


if __name__ == "__main__":
    main()
