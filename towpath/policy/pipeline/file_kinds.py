"""Which files a source of a type is not for, by the endings of their names. Endings that say nothing are for any."""

from collections.abc import Iterable, Mapping

KINDS: Mapping[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "tsv": ("csv",),
    "ndjson": ("ndjson",),
    "jsonl": ("ndjson",),
    "json": ("json", "ndjson"),
    "parquet": ("parquet",),
}
"""Types of sources that read files of an ending, the usual one first."""
COMPRESSED = ("gz", "zst")


def of_other_kinds(type: str, names: Iterable[str]) -> dict[str, str]:
    """Names of files that a source of this type is not for, with the type that is."""
    found = {name: KINDS.get(_ending(name), ()) for name in names}
    return {name: kinds[0] for name, kinds in found.items() if kinds and type not in kinds}


def _ending(name: str) -> str:
    parts = name.lower().rpartition("/")[2].split(".")
    if len(parts) > 2 and parts[-1] in COMPRESSED:
        parts.pop()
    return parts[-1] if len(parts) > 1 else ""
