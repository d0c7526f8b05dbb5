"""What a configuration must hold beyond its shape: names that are there, and parts that go together."""

from collections.abc import Collection, Iterable, Iterator

from towpath.contracts.pipeline.dataset import Column, ColumnType
from towpath.contracts.pipeline.loading import DuckdbDestination, ParquetDestination
from towpath.contracts.pipeline.pipeline import FileSource, PipelineConfig, PostgresqlSource
from towpath.contracts.pipeline.pipeline import Source as Origin
from towpath.contracts.pipeline.quality import Custom, ForeignKey, Rule, Unique, Volume
from towpath.contracts.pipeline.schema import SchemaAction, SchemaContract
from towpath.contracts.pipeline.transformation import Cast, Join, Specification
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.cron import cron_problem
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.source import Source
from towpath.policy.core.paths import path_problem
from towpath.policy.pipeline.bounds import ORDERED
from towpath.policy.pipeline.tables import table_problem, width_problem

PARTITIONS = {
    "csv": ("file",),
    "ndjson": ("file",),
    "json": ("file",),
    "parquet": ("file",),
    "http": ("file", "page", "date"),
    "postgresql": ("file", "range", "date"),
}
"""Ways to partition each kind of source; `file` stands for the usual one."""
BUCKET = "s3://"
_OF_JSON = frozenset({"ndjson", "json", "api"})
_TYPED = frozenset({"parquet", "postgresql"})


class ConfigurationChecks:
    def __init__(self, source: Source, config: PipelineConfig, timezones: Collection[str] | None) -> None:
        self._source = source
        self._config = config
        self._timezones = timezones
        self._target = [column.name for column in config.target.columns]

    def check(self) -> None:
        self._sources()
        if not any(source.main for source in self._config.sources):
            return  # what follows is about the main source
        self._transformation()
        self._rules()
        self._destinations()
        self._written()
        self._schedule()

    def _sources(self) -> None:
        sources = self._config.sources
        self._once([source.name for source in sources], "sources")
        mains = [index for index, source in enumerate(sources) if source.main]
        if not mains:
            self._report(("sources",), "source.main", "no source is the main one", "leave main: false out of one")
        for index in mains[1:]:
            what = f"{sources[mains[0]].name} is the main source already"
            self._report(("sources", index), "source.main", what, "add main: false to sources that are only joined")
        for index, source in enumerate(sources):
            self._one_source(source, ("sources", index))

    def _one_source(self, source: Origin, path: Path) -> None:
        allowed = PARTITIONS[source.type]
        if source.partition.by not in allowed:
            what = f"a source of type {source.type} is not partitioned by {source.partition.by}"
            self._report((*path, "partition", "by"), "partition.kind", what, f"write one of: {', '.join(allowed)}")
        if isinstance(source, FileSource):
            self._file(source.path, source.connection, path)
        if isinstance(source, PostgresqlSource):
            self._table(source.table, path)
        if source.cursor is not None and not source.main:
            what = "only the main source is read incrementally"
            self._report((*path, "cursor"), "cursor.source", what, "leave it out: joined sources are read whole")
        self._cursor_type(source, path)
        for field, what, mend, warning in _contract_problems(source):
            self._report((*path, "contract", field), "contract.action", what, mend, warning=warning)
        columns = [column.name for column in source.columns]
        if not columns:
            return
        if source.cursor is not None:
            self._known(source.cursor.field, columns, (*path, "cursor", "field"))
        column = getattr(source.partition, "column", None)
        if column is not None:
            self._known(column, columns, (*path, "partition", "column"))
        for index, rule in enumerate(source.validation):
            self._known(rule.column, columns, (*path, "validation", index, "column"))

    def _cursor_type(self, source: Origin, path: Path) -> None:
        """What has no types of its own is text, unless it is declared."""
        if source.cursor is None:
            return
        found = next((column.type for column in source.columns if column.name == source.cursor.field), None)
        if found is None and not source.columns and source.type not in {"parquet", "postgresql"}:
            found = ColumnType.TEXT
        if found is not None and found not in ORDERED:
            what = f"a cursor of type {found} has no order to go by"
            mend = f"declare {source.cursor.field} in columns as integer, decimal, float, date or timestamp"
            self._report((*path, "cursor", "field"), "cursor.type", what, mend)

    def _transformation(self) -> None:
        wanted = self._config.transformation
        if isinstance(wanted, Specification):
            self._specification(wanted, self._main_name(), ("transformation",))
        repair = self._config.quality.repair
        if repair is not None:
            self._specification(repair, self._config.target.table, ("quality", "repair"))

    def _specification(self, wanted: Specification, begins_with: str, path: Path) -> None:
        if wanted.source != begins_with:
            what = f"it begins with {wanted.source!r}, not with {begins_with!r}"
            self._report((*path, "source"), "specification.source", what, f"write source: {begins_with}")
        sources = [source.name for source in self._config.sources if not source.main]
        for index, operation in enumerate(wanted.operations):
            place: Path = (*path, "operations", index)
            if isinstance(operation, Join):
                self._known(operation.source, sources, (*place, "source"), "source to join")
            elif isinstance(operation, Cast) and operation.to.type is ColumnType.JSON:
                self._cast_to_json(operation.column, wanted.source, place)

    def _cast_to_json(self, column: str, begins_with: str, path: Path) -> None:
        """What comes of JSON as a text has lost its quotes, unless it is declared as JSON."""
        for source in self._config.sources:
            kept = any(one.name == column and one.type is ColumnType.JSON for one in source.columns)
            if source.name == begins_with and source.type in _OF_JSON and not kept:
                what = f'{column} comes as a text, in which "5" and 5 are alike: both become the number'
                mend = f"declare {{name: {column}, type: json}} in columns of {source.name}, and leave the cast out"
                self._report((*path, "column"), "cast.json", what, mend, warning=True)

    def _rules(self) -> None:
        policy = self._config.quality
        for index, rule in enumerate(policy.rules):
            path: Path = ("quality", "rules", index)
            for field, column in _columns_of(rule):
                self._known(column, self._target, (*path, *field))
            if isinstance(rule, ForeignKey):
                self._foreign_key(rule, path)
        for index, column in enumerate(policy.claude_columns):
            self._known(column, self._target, ("quality", "claude_columns", index))
        if policy.remediation == "repair" and policy.repair is None:
            what = "remediation: repair needs a specification"
            self._report(("quality", "remediation"), "quality.repair", what, "add repair: {source: …, operations: […]}")
        if policy.rules and policy.threshold == 0:
            what = "a threshold of 0 lets everything through"
            self._report(("quality", "threshold"), "quality.threshold", what, "write one above 0", warning=True)

    def _foreign_key(self, rule: ForeignKey, path: Path) -> None:
        others = {source.name: source for source in self._config.sources if not source.main}
        if self._known(rule.source, others, (*path, "source"), "source") and others[rule.source].columns:
            self._known(rule.references, _names(others[rule.source].columns), (*path, "references"))

    def _destinations(self) -> None:
        config = self._config
        self._once([destination.name for destination in config.destinations], "destinations")
        lag = config.main.cursor is not None and bool(config.main.cursor.lag)
        strategies = {destination.strategy for destination in config.destinations}
        for index, destination in enumerate(config.destinations):
            path: Path = ("destinations", index)
            strategy = destination.strategy
            place = (*path, "strategy")
            if strategy in {"upsert", "scd2"} and not config.target.key:
                self._report(place, "strategy.key", f"{strategy} needs a key", "add target.key, or append")
            if strategy == "delete_insert" and config.target.partition_by is None:
                what = "delete_insert replaces whole partitions of the target"
                self._report(place, "strategy.partition", what, "add target.partition_by")
            if strategy == "append" and "delete_insert" in strategies and config.main.cursor is not None:
                what = "delete_insert wants the watermark's day read again, and append has its rows twice then"
                self._report(place, "strategy.mixed", what, "load one of them by a pipeline of its own")
            if strategy == "append" and lag:
                what = "append has rows twice that the lag reads again"
                self._report(place, "strategy.lag", what, "use upsert, or leave the lag out")
            if strategy == "delete_insert" and not self._whole_days():
                what = "a run by cursor reads only what is new of a partition, and delete_insert replaces all of it"
                self._report(
                    place, "strategy.cursor", what, "use upsert, or a cursor of type date: its days are read whole"
                )
            if strategy == "upsert" and config.target.newest_by is None:
                what = "without newest_by a late, older row replaces a newer one"
                self._report(place, "strategy.newest", what, "add target.newest_by", warning=True)
        self._apart()

    def _written(self) -> None:
        for index, destination in enumerate(self._config.destinations):
            path: Path = ("destinations", index)
            if isinstance(destination, ParquetDestination):
                self._file(destination.path, destination.connection, path)
            if isinstance(destination, DuckdbDestination):
                self._path(destination.path, (*path, "path"))
            if not isinstance(destination, ParquetDestination):
                self._table(destination.table, path)
            width = width_problem(self._config.target, destination)
            if width is not None:
                self._report(path, "destination.columns", *width)
        if self._config.lineage.file is not None:
            self._path(self._config.lineage.file, ("lineage", "file"))

    def _whole_days(self) -> bool:
        """Whether each run reads all rows of the partitions that it has rows of."""
        main = self._config.main
        types = {column.name: column.type for column in main.columns}
        return main.cursor is None or types.get(main.cursor.field) is ColumnType.DATE

    def _file(self, address: str, connection: str | None, path: Path) -> None:
        """A path, or an address of a bucket."""
        if not address.startswith(BUCKET):
            self._path(address, (*path, "path"))
        elif connection is None:
            what = "a bucket is reached through a connection"
            self._report((*path, "path"), "connection.missing", what, "add connection: NAME, one of type s3")

    def _table(self, written: str, path: Path) -> None:
        problem = table_problem(written)
        if problem is not None:
            self._report((*path, "table"), "table.system", *problem)

    def _path(self, written: str, path: Path) -> None:
        problem = path_problem(written)
        if problem is not None:
            self._report(path, "path.form", f"the path {problem[0]}", problem[1])

    def _apart(self) -> None:
        """Two destinations must not be the same table."""
        seen: dict[tuple[str, ...], str] = {}
        for index, one in enumerate(self._config.destinations):
            fields = one.model_dump(include={"type", "connection", "path", "table"})
            place = tuple(str(fields.get(name)) for name in ("type", "connection", "path", "table"))
            if place in seen:
                what = f"it is the same table as {seen[place]}"
                self._report(("destinations", index), "destination.twice", what, "leave one of them out")
            seen.setdefault(place, one.name)

    def _schedule(self) -> None:
        schedule = self._config.schedule
        if schedule is None:
            return
        problem = cron_problem(schedule.cron)
        if problem is not None:
            self._report(("schedule", "cron"), "cron.invalid", *problem)
        if self._timezones is not None:
            self._known(schedule.timezone, self._timezones, ("schedule", "timezone"), "time zone")

    def _main_name(self) -> str:
        return next((source.name for source in self._config.sources if source.main), "")

    def _once(self, names: list[str], field: str) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self._report((field, index, "name"), "name.twice", f"{name} is there twice", "rename one of them")

    def _known(self, name: str, known: Collection[str], path: Path, what: str = "column") -> bool:
        if name in known:
            return True
        hint = did_you_mean(name, known).removeprefix(": ").removeprefix("; ")
        self._report(path, f"{what.rsplit(maxsplit=1)[-1]}.unknown", f"there is no {what} {name!r}", hint)
        return False

    def _report(self, path: Path, code: str, what: str, mend: str = "", *, warning: bool = False) -> None:
        self._source.report(path, code, what, mend, severity="warning" if warning else "error")


def _columns_of(rule: Rule) -> Iterable[tuple[Path, str]]:
    """Columns of the target that a rule names, with the place of each in it."""
    if isinstance(rule, Unique):
        return [(("columns", index), column) for index, column in enumerate(rule.columns)]
    if isinstance(rule, Custom | Volume):
        return []
    return [(("column",), rule.column)]


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns]


def _contract_problems(source: Origin) -> Iterator[tuple[str, str, str, bool]]:
    """Actions that can mean nothing where they stand: field, what is wrong, mend, and whether it is only a warning."""
    contract, usual = source.contract, SchemaContract()
    if contract.tables is SchemaAction.QUARANTINE_ROW:
        what = "a table that is not there is no fault of a row: none can be quarantined for it"
        yield "tables", what, "write evolve, freeze or discard_row; a later run reads what was left out", False
    if contract.tables is not usual.tables and not source.main:
        yield "tables", f"no table is made of {source.name}: it is only joined", "leave tables out here", False
    if not source.columns:
        for field in ("columns", "types"):
            if getattr(contract, field) is not getattr(usual, field):
                what = "nothing is declared to hold the source against"
                yield field, what, "add columns: […] to the source, or leave this out", False
    elif contract.types is SchemaAction.EVOLVE and source.type not in _TYPED:
        what = f"a source of type {source.type} has texts and no types: a value that is none of its type is quarantined"
        yield "types", what, "write quarantine_row, which is the same here", True
