"""How people name a run."""

from typing import Annotated

import typer

from towpath.contracts.onboarding.process import ONBOARDING

RunId = Annotated[str, typer.Argument(help="The run: customer-onboarding/KEY, or KEY alone.", metavar="ID")]


def full_id(workflow_id: str) -> str:
    return workflow_id if "/" in workflow_id else f"{ONBOARDING.name}/{workflow_id}"
