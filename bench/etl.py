"""Figures of pipelines: the same files through a plain script, our stages without Temporal, and the process."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from bench.etl_data import Data, Say, make_data
from bench.etl_lanes import Histories, everywhere, killed, partitions, plain, stages, workflow
from bench.etl_site import Figures
from bench.lanes import House

LANES = ("plain", "stages", "workflow", "upsert", "destinations", "killed", "growth", "partitions")
ROWS, FILES = 10_000_000, 16
SMALL_ROWS, SMALL_FILES = 1_000_000, 1_000
Open = Callable[[], AbstractAsyncContextManager[House]]


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("etl")
    group.add_argument("--rows", type=int, default=ROWS, help="rows of the pipeline's files (default %(default)s)")
    group.add_argument("--files", type=int, default=FILES, help="files of the pipeline (default %(default)s)")
    group.add_argument(
        "--lanes",
        type=_lanes,
        default=LANES,
        metavar="LANE,LANE",
        help=f"lanes of the pipeline, with commas: {', '.join(LANES)} (default: all)",
    )


def _lanes(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if not set(wanted) <= set(LANES):
        raise argparse.ArgumentTypeError(f"lanes are {', '.join(LANES)}")
    return wanted


class Measured:
    """What the lanes gave, by their names, and the histories of the many partitions."""

    def __init__(self, say: Say) -> None:
        self.figures: dict[str, Figures] = {}
        self.histories: Histories | None = None
        self._say = say

    def keep(self, *found: Figures) -> None:
        for one in found:
            self.figures[one.lane] = one
            wrong = ", ".join(f"{count:,} wrong in {name}" for name, count in one.wrong.items())
            self._say(f"{one.lane}: {one.wall:.1f} s, {one.cpu:.1f} CPU-s, {one.used.rss:,.0f} MiB, {wrong}")

    def ratio(self, mine: str, other: str, of: Callable[[Figures], float]) -> float | None:
        """None unless both lanes were measured."""
        if mine not in self.figures or other not in self.figures:
            return None
        return of(self.figures[mine]) / of(self.figures[other])


async def measure(measured: Measured, options: argparse.Namespace, open_house: Open, say: Say) -> None:
    """One lane after the other: each has the machine for itself."""
    data = make_data(options.rows, options.files, say)
    if "plain" in options.lanes:
        measured.keep(await plain(data))
    if "stages" in options.lanes:
        measured.keep(await stages(data))
    if set(options.lanes) - {"plain", "stages"}:
        async with open_house() as house:
            await _on_temporal(measured, house, data, options.lanes, say)


async def _on_temporal(measured: Measured, house: House, data: Data, lanes: Sequence[str], say: Say) -> None:
    if "workflow" in lanes:
        measured.keep(*await workflow(house, data))
    if "upsert" in lanes:
        measured.keep(await stages(data, "started"))
        measured.keep(*await workflow(house, data, "started"))
        measured.keep(*await workflow(house, data, "older"))
    if "destinations" in lanes:
        measured.keep(await everywhere(house, data))
    if "killed" in lanes:
        measured.keep(await killed(house, data))
    if "growth" in lanes:
        fewer = make_data(data.rows // 10, data.files, say)
        found = (await workflow(house, fewer))[0]
        measured.keep(replace(found, lane="workflow, a tenth"))
    if "partitions" in lanes:
        rows = min(SMALL_ROWS, data.rows)
        small = make_data(rows, min(SMALL_FILES, rows // 1000), say)
        figures, measured.histories = await partitions(house, small)
        measured.keep(figures)
