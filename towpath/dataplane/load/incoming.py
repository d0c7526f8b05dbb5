"""A part as a relation of DuckDB, and what must be known before it is merged: whether a key is missing or repeated."""

from pathlib import Path

from towpath.dataplane.core.columns import literal, quoted, sql_type, statement
from towpath.dataplane.core.errors import LoadError
from towpath.dataplane.load.history import listed
from towpath.dataplane.load.ledger import Run
from towpath.dataplane.load.reading import check_columns
from towpath.dataplane.load.target import LoadTarget


def scan(run: Run, file: Path, target: LoadTarget) -> str:
    """A SELECT of the part's rows as the target has them, with `_order`, where the part has the row.

    Raises LoadError when the part lacks a column.
    """
    source = f"read_parquet({literal(str(file))}, file_row_number = true)"
    described = run(statement("DESCRIBE SELECT * FROM {source}", source=source), ())
    check_columns((str(row[0]) for row in described), target.columns)
    columns = ", ".join(
        f"CAST({quoted(column.name)} AS {sql_type(column)}) AS {quoted(column.name)}" for column in target.columns
    )
    return statement("SELECT {columns}, file_row_number AS _order FROM {source}", columns=columns, source=source)


def keys_repeat(run: Run, relation: str, target: LoadTarget) -> bool:
    """Whether a key occurs twice. Raises LoadError when one is missing: such a row would be added with every load."""
    repeated, missing = run(
        statement(
            "SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE {missing})"
            " FROM (SELECT {key}, count(*) AS n FROM {relation} GROUP BY {key})",
            key=listed(target.key),
            missing=" OR ".join(f"{quoted(name)} IS NULL" for name in target.key),
            relation=relation,
        ),
        (),
    )[0]
    if missing:
        raise LoadError(f"rows without a key ({', '.join(target.key)}): a rule not_null quarantines them")
    return bool(repeated)


def check_times(run: Run, relation: str, target: LoadTarget) -> None:
    """Raises LoadError when a row of a history does not tell its time."""
    if target.newest_by is None:
        return
    told = statement(
        "SELECT count(*) FROM {relation} WHERE {time} IS NULL", relation=relation, time=quoted(target.newest_by)
    )
    if run(told, ())[0][0]:
        raise LoadError(f"rows of a history without {target.newest_by}: a rule not_null quarantines them")


def newest(relation: str, target: LoadTarget, order: str) -> str:
    """The newest row of each key; of equally new ones the last by `order`."""
    first = "" if target.newest_by is None else f"{quoted(target.newest_by)} DESC NULLS LAST,"
    return statement(
        "SELECT * FROM {relation} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {first} {order}) = 1",
        relation=relation,
        key=listed(target.key),
        first=first,
        order=order,
    )
