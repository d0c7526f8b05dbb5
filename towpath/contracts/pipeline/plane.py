"""What the worker and its data-plane children say to each other: one JSON document a line, over a socket."""

from typing import Literal

from pydantic import Field, JsonValue

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.wire import JsonObject, Wire

MIB = 1024**2
COLLECTOR = "openlineage"
"""The connection to the collector of lineage, where one is set."""

Compression = Literal["none", "snappy", "zstd"]
"""How the columns of a dataset's files are compressed."""


class RootFolders(Wire):
    """Resolved folders below which files may be read and written. `files` are those of a command: anywhere, if None."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    files: tuple[str, ...] | None = ()
    shut: tuple[str, ...] = ()


class Setup(Wire):
    """First line to a child: what it knows of the world before its first task."""

    store: str
    """Dataset store: a folder, or `s3://bucket/prefix`, reached by the connection `store_connection`."""
    scratch: str
    """Folder of this child alone; what is in it does not outlive a task."""
    store_connection: str | None = None
    compression: Compression | None = None
    """Of what is written into the store; without a word, as its kind of store does best."""
    connections: JsonObject = Field(default={}, repr=False)
    """By name, as `towpath.dataplane.core.connections` reads them, secrets in clear. A child has that of the store."""
    roots: RootFolders | None = None
    """Without a word: the folder of the process, what pipelines keep in the state folder, and temporary files."""
    memory_bytes: int = 350 * MIB
    """Of the engine; the process takes about 100 MiB beyond."""
    address_space_bytes: int = 4096 * MIB
    threads: int = 1


class TaskCall(Wire):
    """A task to do: its name in `towpath.dataplane.tasks`, and its request as JSON."""

    number: int
    task: str
    request: JsonValue
    connections: JsonObject = Field(default={}, repr=False)
    """Those of this task, secrets in clear."""
    kinds: dict[str, str] = {}
    """All that are set, by name: for words about one that is not."""


class TaskProgress(Wire):
    """How far a task has come: what an activity's heartbeat carries."""

    task: str = ""
    rows: int = 0
    size_bytes: int = 0
    seconds: float = 0


class TaskReply(Wire):
    """One line from a child. `ready` comes once, before the first call."""

    number: int
    kind: Literal["ready", "progress", "result", "failure"]
    progress: TaskProgress | None = None
    result: JsonValue = None
    failure: Failure | None = None
