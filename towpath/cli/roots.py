"""Where this place lets commands read and write: `TOWPATH_FILE_ROOTS`. What lies elsewhere ends the command."""

from pathlib import Path
from typing import BinaryIO

from towpath.cli.configuration import settings
from towpath.cli.terminal import Exit, fail
from towpath.config.roots import files_of
from towpath.config.settings import SettingsError
from towpath.roots import PathRefusedError, Root


def file_root() -> Root:
    """Ends the command for a setting that cannot be used."""
    try:
        return files_of(settings())
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())


def opened(path: Path) -> BinaryIO:
    """A file that a person named, for reading. Raises OSError and ValueError."""
    try:
        return file_root().open(path)
    except PathRefusedError as error:
        fail(Exit.WRONG_INPUT, error.message)


def resolved(path: Path) -> Path:
    """Where what a person named leads."""
    try:
        return file_root().resolve(path)
    except PathRefusedError as error:
        fail(Exit.WRONG_INPUT, error.message)
