"""How tables are printed."""

from rich.console import Console
from rich.table import Table

WIDE = 10_000


def show_table(console: Console, table: Table) -> None:
    """Within the width of a terminal; elsewhere as wide as its rows are, so that no key and no text is cut."""
    if console.is_terminal:
        console.print(table)
        return
    width = console.width
    console.width = WIDE
    try:
        console.print(table)
    finally:
        console.width = width
