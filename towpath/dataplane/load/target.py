"""What a strategy asks of its target: columns, key, and the columns that a history has besides. No database here."""

from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import LoadPart, PrepareDestination, Strategy
from towpath.dataplane.core.columns import quoted
from towpath.dataplane.core.errors import LoadError

VALID_FROM = "_valid_from"
VALID_TO = "_valid_to"
_RESERVED = frozenset(
    {VALID_FROM, VALID_TO, "_at", "_bucket", "_last", "_nth", "_order", "_starts", "_source", "_version"}
)


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """The table, or the dataset, as its strategy wants it."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    newest_by: str | None
    partition_by: str | None
    strategy: Strategy

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def content(self) -> tuple[str, ...]:
        """What makes two versions of a row different: everything but its key and its time."""
        return tuple(name for name in self.names if name not in self.key and name != self.newest_by)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that the destination has. A version's times have the type of the column that tells its age."""
        if self.strategy != "scd2":
            return self.columns
        told = (column for column in self.columns if column.name == self.newest_by)
        time = next(told, Column(name=VALID_FROM, type=ColumnType.TIMESTAMP))
        begins = time.model_copy(update={"name": VALID_FROM, "nullable": False, "description": ""})
        return (*self.columns, begins, begins.model_copy(update={"name": VALID_TO, "nullable": True}))

    @property
    def unique(self) -> tuple[str, ...]:
        """Columns that are unique together in the destination; none for `append`, which keeps what it gets."""
        if self.strategy == "append":
            return ()
        return (*self.key, VALID_FROM) if self.strategy == "scd2" else self.key


def target_of(request: LoadPart | PrepareDestination) -> LoadTarget:
    """Raises LoadError when the strategy lacks what it needs."""
    strategy = request.destination.strategy
    if strategy in {"upsert", "scd2"} and not request.key:
        raise LoadError(f"strategy {strategy} needs a key: name one in the target, or use append")
    if strategy == "delete_insert" and request.partition_by is None:
        raise LoadError("strategy delete_insert needs partition_by: name a column of the target")
    names = {column.name for column in request.columns}
    wanted = {*request.key, *(name for name in (request.newest_by, request.partition_by) if name is not None)}
    if wanted - names:
        raise LoadError(f"not among the columns: {', '.join(sorted(wanted - names))}")
    if names & _RESERVED:
        raise LoadError(
            f"columns of loading's own: rename {', '.join(sorted(names & _RESERVED))} in the transformation"
        )
    return LoadTarget(
        columns=request.columns,
        key=request.key,
        newest_by=request.newest_by,
        partition_by=request.partition_by,
        strategy=strategy,
    )


def wider(column: Column, precision: int, scale: int) -> bool:
    """Whether a decimal needs more digits than it has there. Raises LoadError when neither holds the other's values."""
    whole, needed = precision - scale, column.precision - column.scale
    if scale >= column.scale and whole >= needed:
        return False
    if scale > column.scale or whole > needed:
        raise LoadError(f"column {column.name} has {whole} digits and {scale} decimals there: declare as many at least")
    return True


def split_name(table: str) -> tuple[str | None, str]:
    """Schema and name."""
    schema, _, name = table.rpartition(".")
    return schema or None, name


def written(table: str) -> str:
    """As SQL wants it."""
    return ".".join(quoted(part) for part in table.split("."))
