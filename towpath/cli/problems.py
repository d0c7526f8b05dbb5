"""`starter.py problems`: runs that stand still because their code fails or has changed, and what helps."""

from dataclasses import asdict

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.terminal import console
from towpath.contracts.core.moments import in_utc
from towpath.control.problems import Problem, list_problems


def register(app: typer.Typer) -> None:
    app.command("problems")(problems)


def problems(as_json: JsonFlag = False) -> None:
    """Runs that stand still: their workflow task fails again and again.

    They go on by themselves once a worker has code that fits them.
    """
    run(_problems(as_json=as_json))


async def _problems(*, as_json: bool) -> None:
    found = await list_problems(await client())
    if as_json:
        show_json([{**asdict(problem), "remedies": problem.remedies} for problem in found])
        return
    if not found:
        console.print("No run stands still.")
        return
    for problem in found:
        _show(problem)
    console.print("A run goes on by itself once a worker has code that fits it: roll back, or patch and deploy.")
    console.print("A reset does all steps again, under the same effect keys; a terminated run undoes nothing.")


def _show(problem: Problem) -> None:
    reset, terminate = problem.remedies
    console.print(
        f"{problem.workflow_id} ({problem.type}) since {in_utc(problem.since, seconds=True)}, "
        f"attempt {problem.attempt}",
        f"  {problem.cause}: {problem.message}",
        f"  reset: {reset}",
        f"  give up: {terminate}",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
