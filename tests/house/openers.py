"""Where a path is opened, listed, made or removed past `towpath.roots`: what a request names could lead anywhere then.

A place that takes its path from settings, or from what it made itself, is listed with where the path comes from.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

APART = frozenset({"bench", "tests", "typings", ".venv"})
MECHANISM = frozenset({"towpath/roots.py", "towpath/private.py"})
METHODS = frozenset(
    {
        *("read_bytes", "read_text", "write_bytes", "write_text", "glob", "rglob", "iterdir", "mkdir", "touch"),
        *("unlink", "rmdir", "symlink_to", "hardlink_to", "exists", "is_file", "is_dir", "readlink", "expanduser"),
    }
)
"""Of a path; some of them are those of other things as well, which are listed then."""
NOTHING = frozenset[str]()
MODULES: dict[str, frozenset[str]] = {
    "os": frozenset(
        {"open", "listdir", "scandir", "walk", "remove", "unlink", "rename", "replace", "mkdir", "makedirs"}
    )
    | {"stat", "truncate", "rmdir", "link", "symlink"},
    "shutil": frozenset({"copy", "copy2", "copyfile", "copytree", "move", "rmtree"}),
    "duckdb": frozenset({"connect", "read_csv", "read_parquet", "read_json"}),
    "sqlite3": frozenset({"connect"}),
    "gzip": frozenset({"open"}),
    "io": frozenset({"open", "FileIO"}),
    "glob": frozenset({"glob", "iglob"}),
    "fsspec": frozenset({"open", "url_to_fs", "filesystem"}),
    "private": frozenset(
        {"open_text", "open_bytes", "open_lock", "open_regular", "write", "read", "holds", "make_folder", "place"}
    ),
    "parquet": frozenset({"read_table", "ParquetFile", "ParquetWriter", "read_metadata", "read_schema", "write_table"}),
    "jinja2": frozenset({"FileSystemLoader"}),
}


def openings(root: Path) -> dict[str, list[int]]:
    """Lines that touch the file system by a path of theirs, by `module function`."""
    found: dict[str, list[int]] = {}
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if APART & set(inner.parts) or inner.as_posix() in MECHANISM:
            continue
        for function, line in _told(parsed(path)):
            found.setdefault(f"{inner.as_posix()} {function}", []).append(line)
    return found


def _told(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for function, node in _walk(tree, ""):
        if (isinstance(node, ast.Call) and _opens(node)) or (isinstance(node, ast.Attribute) and _is_taken(node)):
            yield function, node.lineno
        elif isinstance(node, ast.ImportFrom):
            known = MODULES.get((node.module or "").rpartition(".")[2], NOTHING)
            if any(alias.name in known for alias in node.names):
                yield function, node.lineno


def _walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for inner in ast.iter_child_nodes(node):
        name = f"{function}.{inner.name}".strip(".") if isinstance(inner, _NAMED) else function
        yield name, inner
        yield from _walk(inner, name)


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _opens(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "open" or (call.func.id == "Path" and _is_data(call))
    return isinstance(call.func, ast.Attribute) and call.func.attr == "open" and not _is_root(call.func.value)


def _is_data(call: ast.Call) -> bool:
    """A path that is made of something other than texts of ours and `__file__`."""
    plain = (ast.Constant, ast.Starred)
    return any(not isinstance(given, plain) and ast.unparse(given) != "__file__" for given in call.args)


def _is_taken(node: ast.Attribute) -> bool:
    """A method or a function, called here or handed on."""
    if node.attr in METHODS:
        return not _is_root(node.value)
    return node.attr in MODULES.get(ast.unparse(node.value).rpartition(".")[2], NOTHING)


def _is_root(node: ast.expr) -> bool:
    """What is named as a root is one: strict types hold it to that."""
    return ast.unparse(node).rpartition(".")[2] in {"root", "_root", "sources", "destinations", "files"}


ROOMS = {
    "towpath/local": "the stack on one's own machine: its state folder, which the person names",
    "towpath/standins": "what plays the outside world, with files of its own",
    "towpath/config": "files that settings name",
    "towpath/temporal/passing.py": "our own modules",
    "towpath/registry.py": "our own modules",
    "towpath/observability.py": "where the SDK lies",
    "towpath/pool": "scratch folders, below the one of the settings",
    "workflows": "opens tasks for people; pure rooms have no files at all",
}
"""Rooms with paths that no request has a part in."""
PLACES = {
    "the folder of a task, and files in it that tasks name themselves": (
        "towpath/dataplane/__main__.py perform",
        "towpath/dataplane/core/boundary.py keep",
        "towpath/dataplane/core/boundary.py read",
        "towpath/dataplane/core/engine.py lock_engine",
        "towpath/dataplane/core/part_writer.py _writer",
        "towpath/dataplane/core/part_writer.py leave_out",
        "towpath/dataplane/core/quarantine.py Quarantine._flush",
        "towpath/dataplane/core/workspace.py Workspace.left_out",
        "towpath/dataplane/core/workspace.py Workspace.local",
        "towpath/dataplane/extract/replay.py extract_replayed",
        "towpath/dataplane/load/folder.py data_name",
        "towpath/dataplane/load/parquet.py _Load._local",
        "towpath/dataplane/load/parquet.py _Load._merged",
        "towpath/dataplane/load/parquet.py _put",
        "towpath/dataplane/load/reading.py batches",
        "towpath/dataplane/quality/checking.py _Checking._copy",
        "towpath/dataplane/quality/checking.py _Checking._without_bad",
        "towpath/dataplane/quality/quarantine_rows.py _rows",
        "towpath/dataplane/report/quarantine.py _samples",
        "towpath/dataplane/specification/profile.py _group",
        "towpath/dataplane/specification/profile.py _looked_at",
        "towpath/dataplane/core/store.py _digest",
    ),
    "a path that the root has resolved": (
        "towpath/dataplane/load/duckdb.py DuckdbLoader._open",
        "towpath/dataplane/load/duckdb.py DuckdbLoader.clean",
        "towpath/dataplane/load/duckdb.py DuckdbLoader.is_there",
        "towpath/dataplane/load/duckdb.py DuckdbLoader.watermark",
        "towpath/dataplane/load/duckdb_file.py check_file",
        "towpath/dataplane/load/folder.py _Local._place",
        "towpath/dataplane/load/folder.py _Local.alone",
        "towpath/dataplane/load/folder.py _Local.get",
        "towpath/dataplane/load/folder.py _Local.manifest",
        "towpath/dataplane/load/folder.py _Local.old",
        "towpath/dataplane/load/folder.py _Local.put",
        "towpath/dataplane/load/folder.py _Local.remove",
        "towpath/dataplane/load/folder.py _Local.swap",
        "towpath/dataplane/load/folder.py _Bucket.get",
        "towpath/dataplane/quality/quarantine_rows.py _write",
        "towpath/dataplane/checking.py _nearest_file",
        "towpath/cli/definition/documents.py _beside",
    ),
    "a database, a table or a file of a place, which is no path": (
        "towpath/dataplane/extract/parquet_files.py _open",
        "towpath/dataplane/load/postgresql.py PostgresqlLoader.clean",
        "towpath/dataplane/load/postgresql.py _Database.has_ledger",
        "towpath/dataplane/load/postgresql.py _Database.stage",
        "towpath/dataplane/core/engine.py open_engine",
        "towpath/dataplane/specification/binding.py _binder",
        "towpath/dataplane/specification/tree.py _parser",
    ),
    "a store: a folder of the settings, and in it names by `inside`, or digests": (
        "towpath/blobs/folder.py BlobFolder.drop",
        "towpath/blobs/folder.py BlobFolder.get",
        "towpath/blobs/folder.py BlobFolder.names",
        "towpath/blobs/folder.py BlobFolder.put",
        "towpath/blobs/folder.py BlobFolder.put_first",
        "towpath/blobs/folder.py _remove_abandoned",
        "towpath/blobs/store.py _path",
        "towpath/dataplane/core/store.py _Folder.take",
        "towpath/dataplane/core/store.py _Folder.copy",
        "towpath/dataplane/core/store.py _Bucket.copy",
        "towpath/dataplane/core/store.py DatasetStore.__init__",
        "towpath/dataplane/core/store.py DatasetStore.read",
        "towpath/dataplane/core/store.py _Folder.remove",
        "towpath/dataplane/core/setup.py roots_of",
        "towpath/dataplane/core/setup.py setup_of",
    ),
    "what a person names, and no setting is narrower": (
        "towpath/cli/files.py write_bytes",
        "towpath/cli/files.py _opened",
        "towpath/cli/roots.py opened",
    ),
    "files of this code, of the system, and of the settings": (
        "towpath/dataplane/__main__.py _silence",
        "towpath/dataplane/__main__.py _unforeseen",
        "towpath/dataplane/core/memory.py peak_rss_bytes",
        "towpath/dataplane/report/rendering.py _environment",
        "towpath/integrations/claude/client.py prepare",
        "towpath/integrations/observe/logs.py SqlLogs._sqlite.read",
        "towpath/control/ui.py noted",
        "towpath/control/ui.py ui_url",
        "towpath/control/pipelines.py list_files",
        "towpath/cli/edge/main.py _print_to_nobody",
        "towpath/cli/etl/plane.py local_plane",
    ),
    "a name is made of a path, or a path of a name, and opened elsewhere": (
        "towpath/dataplane/core/datasets.py _file",
        "towpath/dataplane/core/datasets.py destination_name",
        "towpath/cli/as_json.py json_argument",
        "towpath/cli/declared.py _found",
        "towpath/cli/definition/published.py _plan_of_target",
        "towpath/cli/definition/reading.py is_file",
        "towpath/cli/etl/files.py id_of",
        "towpath/cli/etl/profile.py _source",
        "towpath/cli/etl/profile.py profile",
        "towpath/cli/etl/schedule.py _unscheduled",
        "towpath/control/pipelines.py find_file",
        "towpath/cli/definition/trying.py _tests_beside",
        "towpath/cli/history.py export_history",
    ),
}
"""Functions by where their paths come from."""


def past_the_roots(root: Path) -> list[str]:
    """What opens a path and is not listed: a finding each."""
    listed = {place for places in PLACES.values() for place in places}
    return [
        f"{place} (line {lines[0]}): open it by towpath.roots, or list it with where its path comes from"
        for place, lines in openings(root).items()
        if place not in listed and not any(Path(place.partition(" ")[0]).is_relative_to(room) for room in ROOMS)
    ]
