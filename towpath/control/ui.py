"""Where Temporal's web UI is: set, noted by the local stack, or where `temporal server start-dev` puts it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from towpath import private

NOTED = Path(".towpath/ui")
"""While the local stack is up, one file here is named by the port of its Temporal, and holds the address of its UI."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
UI_BESIDE = 1000
"""`start-dev` serves its UI on the port that is this much higher."""


@contextmanager
def noted(address: str, ui_url: str, folder: Path = NOTED) -> Generator[None]:
    """For commands in other terminals: the local stack's UI is where a free port was."""
    file = folder / address.rpartition(":")[2]
    private.write(file, ui_url.encode())
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def is_loopback(address: str) -> bool:
    """Whether `host:port` is on this machine by its name."""
    return address.rpartition(":")[0] in LOOPBACK_NAMES


def ui_url(address: str, configured: str | None, folder: Path = NOTED) -> str | None:
    """The UI of the server at `address`; None when nobody said where it is."""
    if configured is not None:
        return configured
    port = address.rpartition(":")[2]
    if not is_loopback(address) or not port.isdecimal():
        return None
    try:
        return (folder / port).read_text(encoding="utf-8").strip()
    except OSError:
        return f"http://127.0.0.1:{int(port) + UI_BESIDE}"
