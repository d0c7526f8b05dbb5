"""Histories (slowly changing dimensions of type 2) as one query, the same in PostgreSQL and DuckDB.

A version is a row with the time from which it held and, when another followed, until which. It is derived from
sightings: rows of a key at a time. A late row takes its place among them, and the same rows again change nothing.
"""

from collections.abc import Sequence

from towpath.dataplane.core.columns import quoted, statement
from towpath.dataplane.load.target import VALID_FROM, VALID_TO, LoadTarget

_VERSIONS = """
    WITH touched AS (
        SELECT t.* FROM {existing} t JOIN (SELECT DISTINCT {key} FROM {incoming}) k ON {joined}
    ), sightings AS (
        SELECT {names}, {at} AS _at, 1 AS _source, {order} AS _order FROM {incoming}
        UNION ALL SELECT {names}, {valid_from}, 0, 0 FROM touched
        {again}
    ), single AS (
        SELECT * FROM (
            SELECT *, row_number() OVER (PARTITION BY {key}, _at ORDER BY _source, _order DESC) AS _nth FROM sightings
        ) s WHERE _nth = 1
    ), changes AS (
        SELECT *, CASE WHEN {changed} THEN 1 ELSE 0 END AS _starts
        FROM single WINDOW line AS (PARTITION BY {key} ORDER BY _at)
    ), numbered AS (
        SELECT *, sum(_starts) OVER (PARTITION BY {key} ORDER BY _at) AS _version FROM changes
    ), spans AS (
        SELECT *, max(_at) OVER (PARTITION BY {key}, _version) AS _last FROM numbered
    )
    SELECT {shown}, _at AS {valid_from}, lead(_at) OVER (PARTITION BY {key} ORDER BY _at) AS {valid_to}
    FROM spans WHERE _starts = 1
"""
_SEEN_AGAIN = "UNION ALL SELECT {names}, {newest}, 0, 0 FROM touched WHERE {newest} > {valid_from}"


def versions(target: LoadTarget, existing: str, incoming: str, now: str, order: str) -> str:
    """A SELECT of all versions of the keys that come in, with the columns of `target.stored`.

    `existing` and `incoming` are relations; `now` is the time of rows where no column tells it; among rows of one key
    and time the one that is greatest by `order` counts, and what is there before all of them.

    A stored version was sighted at its beginning and, where it was seen again unchanged, last at its `newest_by`.
    """
    newest = None if target.newest_by is None else quoted(target.newest_by)
    changed = " OR ".join(
        ["row_number() OVER line = 1"]
        + [f"{quoted(name)} IS DISTINCT FROM lag({quoted(name)}) OVER line" for name in target.content]
    )
    parts = {
        "key": listed(target.key),
        "names": listed((*target.key, *target.content)),
        "valid_from": quoted(VALID_FROM),
        "at": newest or now,
        "order": order,
        "existing": existing,
        "incoming": incoming,
        "newest": newest or "",
    }
    return statement(
        _VERSIONS,
        **parts,
        joined=equal(target.key, "t", "k"),
        again="" if newest is None else statement(_SEEN_AGAIN, **parts),
        changed=changed,
        shown=", ".join(f"_last AS {newest}" if name == target.newest_by else quoted(name) for name in target.names),
        valid_to=quoted(VALID_TO),
    )


def listed(names: Sequence[str], alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{quoted(name)}" for name in names)


def equal(names: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quoted(name)} = {right}.{quoted(name)}" for name in names)


def newer(target: LoadTarget, stored: str, incoming: str) -> str:
    """Whether a row that comes in replaces the stored one. Without a column that tells the age, the later load does."""
    if target.newest_by is None:
        return "TRUE"
    before, after = f"{stored}.{quoted(target.newest_by)}", f"{incoming}.{quoted(target.newest_by)}"
    return f"({after} IS NOT NULL AND ({before} IS NULL OR {before} < {after}))"
