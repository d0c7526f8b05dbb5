"""How people name a run, and themselves."""

from typing import Annotated, Any

import typer

from towpath.cli.configuration import settings
from towpath.cli.terminal import Exit, fail
from towpath.registry import AnyProcess, default_process

RunId = Annotated[str, typer.Argument(help="The run: customer-onboarding/KEY, or KEY alone.", metavar="ID")]


def acting(name: str) -> str:
    """Who acts: as the option says, else by TOWPATH_PERSON. Where decisions are signed, the latter alone.

    Ends the command when that is nobody, or another one.
    """
    own = settings()
    signs = bool(own.decision_keys())
    if signs and not own.person:
        fail(Exit.WRONG_INPUT, "TOWPATH_PERSON: is missing: decisions are signed here, in the name that it gives")
    if signs and name not in {"", own.person}:
        fail(Exit.REFUSED, f"--as {name}: decisions are signed here, and only in the name of {own.person}")
    if not name and not own.person:
        fail(Exit.WRONG_INPUT, "--as: say who does it, or set TOWPATH_PERSON")
    return name or own.person or ""


def as_person(text: str) -> Any:
    """The option `--as`, for `Annotated`."""
    return typer.Option(
        "--as", "--by", help=text, metavar="NAME", callback=acting, default_factory=str, show_default=False
    )


By = Annotated[str, as_person("Who does it; kept in the record. [TOWPATH_PERSON]")]
Why = Annotated[str, typer.Option(help="Why; kept in the record.")]


def full_id(workflow_id: str, process: AnyProcess | None = None) -> str:
    """A run's workflow id, from itself or from the key of a run alone."""
    return workflow_id if "/" in workflow_id else (process or default_process()).full_id(workflow_id)
