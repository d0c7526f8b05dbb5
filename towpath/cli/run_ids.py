"""How people name a run, and themselves."""

from typing import Annotated

import typer

from towpath.registry import AnyProcess, default_process

RunId = Annotated[str, typer.Argument(help="The run: customer-onboarding/KEY, or KEY alone.", metavar="ID")]
By = Annotated[str, typer.Option("--as", "--by", help="Who does it; kept in the record.", metavar="NAME")]
Why = Annotated[str, typer.Option(help="Why; kept in the record.")]


def full_id(workflow_id: str, process: AnyProcess | None = None) -> str:
    """A run's workflow id, from itself or from the key of a run alone."""
    return workflow_id if "/" in workflow_id else (process or default_process()).full_id(workflow_id)
