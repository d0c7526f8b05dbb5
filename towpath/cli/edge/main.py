"""The edge of the command line, where every command begins and ends."""

from collections.abc import Sequence

from typer.core import TyperGroup


def main(commands: TyperGroup, arguments: Sequence[str]) -> None:
    """Carry out a command, and end the process by its exit code."""
    commands.main(list(arguments), prog_name="starter.py")
