"""Commands that are loaded when they are called: until then each is a name, a line of help, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from towpath.cli.edge.interrupts import ended_at_once


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a module: of its `app`, or of what its `register` adds to one."""

    module: str
    help: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class CommandGroup:
    """An app of a module, as a group of commands that are loaded together."""

    module: str
    help: str
    app: str = "app"


@dataclass(frozen=True, slots=True)
class Parts:
    """A group whose commands are loaded one by one."""

    help: str
    parts: "Mapping[str, Entry]"


Entry = Command | CommandGroup | Parts
PROGRAM = "starter.py"


class Lazy(TyperCommand):
    """Stands for a command in its group, and hands over to the loaded one when it is called."""

    def __init__(self, name: str, entry: Command | CommandGroup) -> None:
        super().__init__(name, help=entry.help, hidden=isinstance(entry, Command) and entry.hidden)
        self.entry = entry

    @cached_property
    def loaded(self) -> Any:
        """The command or group itself."""
        with ended_at_once():
            module = import_module(self.entry.module)
        if isinstance(self.entry, CommandGroup):
            group = get_group(getattr(module, self.entry.app))
            group.name = self.name
            return group
        return get_group(_app_of(module)).commands[self.name or ""]

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        return self.loaded.make_context(*args, **kwargs)


def hidden(entry: Command) -> Command:
    """The same under a name that it had before: that still works, and no help names it."""
    return replace(entry, hidden=True)


def tree(entry: Parts) -> TyperGroup:
    """The whole command line, of which nothing is loaded."""
    app = typer.Typer(no_args_is_help=True, help=entry.help)
    app.callback()(_for_all)
    root = get_group(app)
    root.commands = _commands(entry)
    return root


def _for_all(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a defect; so does TOWPATH_DEBUG.")
    ] = False,
) -> None:
    """Options of all commands. The edge reads them, since it also sees what goes wrong before they are parsed."""
    del debug


def _commands(entry: Parts) -> dict[str, Any]:
    return {name: _command(name, part) for name, part in entry.parts.items()}


def _command(name: str, entry: Entry) -> TyperGroup | Lazy:
    if not isinstance(entry, Parts):
        return Lazy(name, entry)
    return TyperGroup(name=name, commands=_commands(entry), help=entry.help, no_args_is_help=True)


def _app_of(module: Any) -> typer.Typer:
    app = getattr(module, "app", None)
    if isinstance(app, typer.Typer):
        return app
    holder = typer.Typer()
    module.register(holder)
    return holder
