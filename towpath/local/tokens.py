"""Tokens of the local stack's own doors: made at its start, and kept where its commands find them.

`python -m towpath.local.tokens FILE …` makes those that are missing. Programs that start at once may all call it.
"""

import secrets
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from towpath import private

STANDINS_SETTING = "STANDINS_TOKEN"
"""The setting of the stand-ins that says who may order faults and read what was received."""
STANDINS_FILE = "standins.token"
"""In the state folder of a stack."""
TOKEN_BYTES = 32


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def bearer(token: str) -> dict[str, str]:
    """The header that carries it; none for an empty one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def keep_token(path: Path, token: str) -> None:
    """For its owner alone. Raises OSError."""
    private.write(path, token.encode())


def make_token(path: Path) -> None:
    """A new one, where none is kept: of several that make it at once, one does. Raises OSError."""
    private.make_folder(path.parent)
    with TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        keep_token(whole, new_token())
        with suppress(FileExistsError):
            path.hardlink_to(whole)


def kept_token(path: Path) -> str:
    """Empty where none is kept. Raises OSError, and UnicodeDecodeError for a file that holds something else."""
    try:
        return private.read(path).decode("ascii").strip()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    for file in sys.argv[1:]:
        make_token(Path(file))
