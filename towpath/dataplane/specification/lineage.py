"""Which source columns each target column is made of, read off the operations."""

from collections.abc import Iterable, Mapping
from functools import singledispatchmethod
from typing import Literal, NamedTuple

from towpath.contracts.core.wire import Wire
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.contracts.pipeline.stages import SpecificationTask
from towpath.contracts.pipeline.tracing import ColumnsTraced, ColumnUse, TraceTask
from towpath.contracts.pipeline.transformation import (
    Aggregate,
    Cast,
    Deduplicate,
    Derive,
    Filter,
    FrozenSpecification,
    Join,
    MapValues,
    Normalise,
    Rename,
    Specification,
    Split,
    Unnest,
)
from towpath.dataplane.core.errors import SpecificationError
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.compile import compile_specification
from towpath.dataplane.specification.guard import guard

Influence = Literal["identity", "transformation", "aggregation", "conditional", "filter", "join", "group_by", "sort"]
DIRECT = frozenset({"identity", "transformation", "aggregation"})
DECIDING = frozenset({"filter", "join", "group_by", "sort"})
"""These decide which rows there are, and so about every column."""
_MAKING = DIRECT | {"conditional"}
_MASKING = frozenset({"count", "count_distinct"})


class Origin(NamedTuple):
    """A column of a source. A `conditional` one chooses between others. `masking`: it is hashed, or only counted."""

    source: str
    column: str
    kind: Influence
    masking: bool = False


def origins_of(
    config: PipelineConfig, frozen: FrozenSpecification | None, columns: Mapping[str, tuple[Column, ...]]
) -> dict[str, tuple[Origin, ...]]:
    """Origins by target column, where sources have `columns`; none when the specification does not fit them."""
    if frozen is None:
        return {}
    task = SpecificationTask(
        specification=frozen.specification,
        source=columns.get(config.main.name, config.main.columns),
        target=config.target.columns,
        key=config.target.key,
        newest_by=config.target.newest_by,
        others={one.name: columns.get(one.name, one.columns) for one in config.sources if not one.main},
    )
    try:
        return lineage_of(task)
    except SpecificationError:
        return {}


def lineage_of(task: SpecificationTask) -> dict[str, tuple[Origin, ...]]:
    """Origins by target column, sorted. Raises SpecificationError when the specification does not compile."""
    compile_specification(task)
    trace = _Trace(task.specification, task.source)
    for operation in task.specification.operations:
        trace.follow(operation)
    return {column.name: tuple(sorted(trace.columns[column.name] | trace.rows)) for column in task.target}


def trace_columns(task: TraceTask, work: Workspace) -> ColumnsTraced:
    """What the columns that are asked for are used for."""
    del work
    try:
        found = lineage_of(task)
    except SpecificationError:
        return ColumnsTraced()
    return ColumnsTraced(
        uses=tuple(_use(found, source, column) for source, columns in task.columns.items() for column in columns)
    )


def _use(found: Mapping[str, tuple[Origin, ...]], source: str, column: str) -> ColumnUse:
    kinds = {
        target: {origin.kind for origin in origins if (origin.source, origin.column) == (source, column)}
        for target, origins in found.items()
    }
    return ColumnUse(
        source=source,
        column=column,
        makes=tuple(target for target, of in kinds.items() if of & _MAKING),
        decides=any(of & DECIDING for of in kinds.values()),
    )


class _Trace:
    """Origins by column while the operations are followed, and what has decided about the rows so far."""

    def __init__(self, specification: Specification, source: tuple[Column, ...]) -> None:
        self._source = specification.source
        self.columns = {column.name: {Origin(self._source, column.name, "identity")} for column in source}
        self.rows: set[Origin] = set()

    def _made_of(self, names: Iterable[str], kind: Influence, *, masking: bool = False) -> set[Origin]:
        """Origins of columns, none of them closer than `kind`."""
        found = {origin for name in names for origin in self.columns[name]}
        return {
            origin._replace(kind=_farther(origin.kind, kind), masking=origin.masking or masking) for origin in found
        }

    def _decide(self, names: Iterable[str], kind: Influence) -> None:
        self.rows |= {origin._replace(kind=kind, masking=False) for name in names for origin in self.columns[name]}

    @singledispatchmethod
    def follow(self, operation: Wire) -> None:
        raise TypeError(type(operation).__name__)

    @follow.register
    def _(self, operation: Rename) -> None:
        self.columns = {operation.columns.get(name, name): origins for name, origins in self.columns.items()}

    @follow.register
    def _(self, operation: Cast) -> None:
        self.columns[operation.to.name] = self._made_of([operation.column], "transformation")
        if operation.to.name != operation.column:
            del self.columns[operation.column]

    @follow.register
    def _(self, operation: Derive) -> None:
        guarded = guard(operation.expression, self.columns)
        plain = len(guarded.columns) == 1 and guarded.sql == f'"{guarded.columns[0]}"'
        value: Influence = "identity" if plain else "transformation"
        made = [
            self._made_of([use.column], "conditional" if use.chooses else value, masking=use.masked)
            for use in guarded.uses
        ]
        self.columns[operation.column.name] = {origin for origins in made for origin in origins}

    @follow.register(Normalise)
    @follow.register(MapValues)
    def _(self, operation: Normalise | MapValues) -> None:
        self.columns[operation.column] = self._made_of([operation.column], "transformation")

    @follow.register
    def _(self, operation: Split) -> None:
        origins = self._made_of([operation.column], "transformation")
        if not operation.keep:
            del self.columns[operation.column]
        self.columns.update(dict.fromkeys(operation.into, origins))

    @follow.register
    def _(self, operation: Filter) -> None:
        self._decide(guard(operation.expression, self.columns).columns, "filter")

    @follow.register
    def _(self, operation: Deduplicate) -> None:
        self._decide(operation.key, "group_by")
        if operation.newest_by is not None:
            self._decide([operation.newest_by], "sort")

    @follow.register
    def _(self, operation: Join) -> None:
        """A left join leaves all rows: its keys choose the values of the columns that it adds, and decide no row."""
        chosen: set[Origin] = set()
        if operation.kind == "inner":
            self._decide(operation.on, "join")
            self.rows |= {Origin(operation.source, name, "join") for name in operation.on.values()}
        else:
            chosen = self._made_of(operation.on, "conditional")
            chosen |= {Origin(operation.source, name, "conditional") for name in operation.on.values()}
        for there, here in operation.columns.items():
            self.columns[here] = {Origin(operation.source, there, "identity"), *chosen}

    @follow.register
    def _(self, operation: Aggregate) -> None:
        self._decide(operation.by, "group_by")
        grouped = {name: self.columns[name] for name in operation.by}
        measured = {
            name: self._made_of([of], "aggregation", masking=function in _MASKING)
            for name, (function, of) in operation.measures.items()
        }
        self.columns = {**grouped, **measured}

    @follow.register
    def _(self, operation: Unnest) -> None:
        self.columns[operation.into] = self._made_of([operation.column], "transformation")


_DISTANCE: Mapping[str, int] = {"identity": 0, "transformation": 1, "aggregation": 2, "conditional": 3}


def _farther(one: Influence, other: Influence) -> Influence:
    return one if _DISTANCE.get(one, 0) > _DISTANCE.get(other, 0) else other
