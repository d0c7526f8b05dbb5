"""`make evaluate`: at least 40 cases of each process, against what each case says is right, counted by kind.

Some cases are decided by code. The others are answered by a model, through the processes that ask it. Offline that is
the stand-in: it cuts its answers out of what it is given and understands none of it, so its rates say only that the
evaluation works. With `--claude` and ANTHROPIC_API_KEY, Claude answers, which costs money.

Exit codes: 0; 1 when a kind has fewer right cases than tests/evaluations/kinds.yaml states, or fewer properties hold
than --floor; 2 when nothing can be evaluated.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from activities.claude import ClaudeActivities
from tests.evaluations.cases import Case, CaseError, ContentCase, IncidentCase, load_contents, load_incidents
from tests.evaluations.content_cases import content_worker, run_content
from tests.evaluations.decided.cases import load_decided, run_decided
from tests.evaluations.incident_cases import run_incident
from tests.evaluations.kinds import KindResult, by_kind, load_kinds
from tests.evaluations.place import Place, open_place
from tests.evaluations.properties import CaseReport
from tests.evaluations.tables import as_json, rate, show, show_kinds
from towpath.assembly.clients import claude_client
from towpath.config.settings import SettingsError, load_claude_settings
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.publishing.process import PUBLISHING
from towpath.control.temporal import run_to_end
from towpath.integrations.claude.client import DEFAULT_MODELS, ClaudeClient, ClaudeClientConfig
from towpath.integrations.claude.prices import Prices
from towpath.local.stack import OFFLINE_KEY, stand_ins

SETS = {"publishing": PUBLISHING.name, "incident": INCIDENT.name}
OFFLINE = "offline stand-in"
BELOW, UNUSABLE = 1, 2
CaseT = TypeVar("CaseT", bound=Case)
say = Console(stderr=True, highlight=False)


class UnusableError(Exception):
    """Nothing can be evaluated; the text says what to mend."""


def main() -> None:
    options = _options()
    try:
        reports = run_to_end(evaluate(options))
    except (UnusableError, CaseError, SettingsError) as error:
        say.print(str(error), markup=False, soft_wrap=True)
        sys.exit(UNUSABLE)
    answered_by = ", ".join(dict.fromkeys(model for report in reports for model in report.models)) or "nobody"
    answered_by = answered_by if options.claude else f"{OFFLINE} ({answered_by})"
    kinds = by_kind(reports, _existing(), answered_by, online=options.claude)
    if options.keep is not None:
        _keep(options.keep, reports)
    if options.json:
        sys.stdout.write(as_json(answered_by, reports, kinds) + "\n")
    else:
        _tell(answered_by, reports, kinds)
    below = _below(kinds, reports, options.floor)
    for line in below:
        say.print(line, markup=False, soft_wrap=True)
    if below:
        sys.exit(BELOW)


async def evaluate(options: argparse.Namespace) -> list[CaseReport]:
    """Raises UnusableError, CaseError, SettingsError."""
    contents = _chosen(load_contents(), options) if "publishing" in options.sets else []
    incidents = _chosen(load_incidents(), options) if "incident" in options.sets else []
    processes = [SETS[name] for name in options.sets]
    decided = [run_decided(name, case) for name in processes for case in _chosen(load_decided(name), options)]
    if not contents and not incidents:
        if not decided:
            raise UnusableError(f"there is no case {', '.join([*options.cases, *options.kinds])}")
        return decided
    with tempfile.TemporaryDirectory(prefix="towpath-evaluation-") as folder:
        async with _claude(Path(folder), online=options.claude) as client:
            ask = ClaudeActivities(client, Prices()).ask
            async with open_place(Path(folder), ask) as place, content_worker(place):
                turns = asyncio.Semaphore(options.at_once)
                return [*decided, *await _run(place, contents, incidents, turns)]


async def _run(
    place: Place, contents: Sequence[ContentCase], incidents: Sequence[IncidentCase], turns: asyncio.Semaphore
) -> list[CaseReport]:
    async def one(run: Callable[[Place, CaseT], Awaitable[CaseReport]], case: CaseT) -> CaseReport:
        async with turns:
            report = await run(place, case)
        say.print(f"{case.name}: {report.passed}/{len(report.properties)} in {report.seconds:.1f} s", markup=False)
        return report

    return await asyncio.gather(
        *(one(run_content, case) for case in contents), *(one(run_incident, case) for case in incidents)
    )


@asynccontextmanager
async def _claude(folder: Path, *, online: bool) -> AsyncGenerator[ClaudeClient]:
    """Claude itself, its models checked as the worker checks them, or a stand-in that is started for it."""
    if online:
        client = claude_client(load_claude_settings())
        try:
            found = await client.check_models()
            if found.refusals:
                raise UnusableError("\n".join(found.refusals))
            yield client
        finally:
            await client.close()
        return
    say.print(f"answers come from the {OFFLINE}, which understands nothing; --claude asks Claude")
    async with stand_ins(log=folder / "standins.log") as standins:
        client = ClaudeClient(ClaudeClientConfig(OFFLINE_KEY, DEFAULT_MODELS, base_url=f"{standins.url}/claude"))
        try:
            yield client
        finally:
            await client.close()


def _chosen(cases: Sequence[CaseT], options: argparse.Namespace) -> list[CaseT]:
    names, kinds = options.cases, options.kinds
    return [case for case in cases if (not names or case.name in names) and (not kinds or case.kind in kinds)]


def _existing() -> Counter[tuple[str, str, bool]]:
    """How many cases of each process and kind there are, apart by whether code decides them."""
    found: Counter[tuple[str, str, bool]] = Counter()
    asked: dict[str, Sequence[Case]] = {PUBLISHING.name: load_contents(), INCIDENT.name: load_incidents()}
    for process, cases in asked.items():
        found.update((process, case.kind, False) for case in cases)
        found.update((process, case.kind, True) for case in load_decided(process))
    return found


def _below(kinds: Sequence[KindResult], reports: Sequence[CaseReport], floor: float | None) -> list[str]:
    """A sentence for each demand that is not met."""
    found = [
        f"{kind.process}, {kind.kind}, answered by {kind.answered_by}: {kind.right} of {kind.cases} right, "
        f"{kind.least:.0%} are demanded"
        for kind in kinds
        if kind.is_below
    ]
    asked = [report for report in reports if not report.by_code]
    if floor is not None and rate(asked) < floor:
        found.append(f"{rate(asked):.1%} of the properties hold, which is below the floor of {floor:.1%}")
    return found


def _tell(answered_by: str, reports: Sequence[CaseReport], kinds: Sequence[KindResult]) -> None:
    console = Console(highlight=False, width=max(150, Console().width))
    for process in dict.fromkeys(report.process for report in reports):
        show(console, process, answered_by, [report for report in reports if report.process == process])
    show_kinds(console, kinds)
    asked = [report for report in reports if not report.by_code]
    if asked:
        console.print(f"{rate(asked):.1%} of all properties hold; answered by {answered_by}", markup=False)


def _keep(folder: Path, reports: Sequence[CaseReport]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        text = json.dumps(report.in_full(), ensure_ascii=False, indent=2)
        (folder / f"{report.case}.json").write_text(text + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    kinds = sorted({name for found in load_kinds().values() for name in found})
    parser = argparse.ArgumentParser(
        prog="python -m tests.evaluations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help="names of cases; all if left out")
    parser.add_argument("--set", dest="sets", action="append", choices=SETS, help="only this set; may be given twice")
    parser.add_argument(
        "--kind",
        dest="kinds",
        action="append",
        default=[],
        choices=kinds,
        metavar="KIND",
        help=f"only this kind; may be repeated: {', '.join(kinds)}",
    )
    parser.add_argument("--claude", action="store_true", help="ask Claude, with ANTHROPIC_API_KEY")
    parser.add_argument("--floor", type=_share, help="exit with 1 when a smaller share of the properties holds")
    parser.add_argument("--at-once", type=int, default=4, help="cases that run together (default %(default)s)")
    parser.add_argument(
        "--keep", type=Path, help="folder for a file of each case with all answers, to read or to compare"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    options = parser.parse_args()
    options.sets = options.sets or [*SETS]
    return options


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return share


if __name__ == "__main__":
    main()
