"""Tables that no pipeline reads or writes, and how many columns a table may have."""

from towpath.contracts.pipeline.loading import Destination
from towpath.contracts.pipeline.pipeline import Target

SYSTEM = frozenset({"information_schema", "pg_catalog", "pg_toast", "system", "temp"})
"""Schemas that are PostgreSQL's and DuckDB's own; so is what begins with `pg_`."""
OWN = "towpath_"
MOST_POSTGRESQL = 1_600
"""Columns of a table of PostgreSQL."""


def table_problem(table: str) -> tuple[str, str] | None:
    """What is wrong with a table, and the mend; None when nothing is."""
    schema, _, name = table.lower().rpartition(".")
    if schema in SYSTEM or schema.startswith("pg_") or name.startswith("pg_"):
        return f"the table {table} is the database's own", "take one of a schema of yours"
    if name.startswith(OWN):
        return f"the table {table} is called like the ledgers of pipelines", f"take a name without {OWN}"
    return None


def width_problem(target: Target, destination: Destination) -> tuple[str, str] | None:
    """The same of the number of columns. A history has two more."""
    count = len(target.columns) + (2 if destination.strategy == "scd2" else 0)
    if destination.type != "postgresql" or count <= MOST_POSTGRESQL:
        return None
    what = f"the target has {count:,} columns, and a table of PostgreSQL at most {MOST_POSTGRESQL:,}"
    return what, "leave columns out, keep them in one of type json, or load into another destination"
