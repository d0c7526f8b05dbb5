"""Commands that are loaded when they are called: until then each is a name, a line of help, and where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

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
class Group:
    """An app of a module, as a group of commands that are loaded together."""

    module: str
    help: str
    app: str = "app"


@dataclass(frozen=True, slots=True)
class Parts:
    """A group whose commands are loaded one by one."""

    help: str
    parts: "Mapping[str, Entry]"


Entry = Command | Group | Parts


class Lazy(TyperCommand):
    """Stands for a command in its group, and hands over to the loaded one when it is called."""

    def __init__(self, name: str, entry: Command | Group) -> None:
        super().__init__(name, help=entry.help, hidden=isinstance(entry, Command) and entry.hidden)
        self.entry = entry

    @cached_property
    def loaded(self) -> Any:
        """The command or group itself."""
        with ended_at_once():
            module = import_module(self.entry.module)
        if isinstance(self.entry, Group):
            group = get_group(getattr(module, self.entry.app))
            group.name = self.name
            return group
        return get_group(_app_of(module)).commands[self.name or ""]

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        return self.loaded.make_context(*args, **kwargs)


def tree(help_text: str, entries: Mapping[str, Entry], name: str | None = None) -> TyperGroup:
    """A group of commands, none of which is loaded."""
    commands = {key: _command(key, entry) for key, entry in entries.items()}
    return TyperGroup(name=name, commands=commands, help=help_text, no_args_is_help=True)


def _command(name: str, entry: Entry) -> Any:
    return tree(entry.help, entry.parts, name) if isinstance(entry, Parts) else Lazy(name, entry)


def _app_of(module: Any) -> typer.Typer:
    app = getattr(module, "app", None)
    if isinstance(app, typer.Typer):
        return app
    holder = typer.Typer()
    module.register(holder)
    return holder
