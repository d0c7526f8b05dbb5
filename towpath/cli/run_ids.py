"""How people name a run."""

from typing import Annotated

import typer

from towpath.registry import default_process

RunId = Annotated[str, typer.Argument(help="The run: customer-onboarding/KEY, or KEY alone.", metavar="ID")]


def full_id(workflow_id: str) -> str:
    """A run's workflow id, from itself or from the key of a run alone."""
    return workflow_id if "/" in workflow_id else default_process().full_id(workflow_id)
