"""The settings of the place where a command is given."""

from towpath.cli.terminal import Exit, fail
from towpath.config.settings import ClientSettings, SettingsError, load_client_settings


def settings() -> ClientSettings:
    """Ends the command when they cannot be used."""
    try:
        return load_client_settings()
    except SettingsError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines())
