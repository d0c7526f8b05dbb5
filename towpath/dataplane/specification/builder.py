"""SQL of a specification while it grows: one query on the other, each with the columns that the operation leaves.

Rows that fail or are left out stay in until the end and carry a mark, so that none is lost and each is counted: the
first failure of a row wins. Hidden columns carry the marks, where the row came from, and the row as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.core.columns import literal, quoted, statement
from towpath.dataplane.specification.errors import no_column

RESERVED = "__towpath_"
PART, ROW = f"{RESERVED}part", f"{RESERVED}row"
LINE, POSITION = f"{RESERVED}line", f"{RESERVED}position"
FAILED, LEFT_OUT, SOURCE, NEW = f"{RESERVED}failed", f"{RESERVED}left_out", f"{RESERVED}source", f"{RESERVED}new"
MARKS = (PART, ROW, LINE, POSITION, FAILED, LEFT_OUT, SOURCE)


@dataclass(frozen=True, slots=True)
class SqlStage:
    """One query over the table `input`. `counters` are hidden columns that say where a null was made, by column.

    `errors` are those that say where an operation failed and made one, by its rule.
    """

    sql: str
    counters: dict[str, str]
    errors: dict[str, str]
    columns: tuple[Column, ...]


class Builder:
    """`rule` is the operation that is being built, as `operations.3.cast`: it names the marks that it makes.

    `unique` takes for granted that no key of a join is there twice.
    """

    def __init__(
        self, columns: tuple[Column, ...], others: Mapping[str, tuple[Column, ...]], *, unique: bool = False
    ) -> None:
        self.columns = {column.name: column for column in columns}
        self.others = others
        self.unique = unique
        self.rule = ""
        self.rules: dict[str, str] = {}
        """Reasons of failures, by their rule."""
        self.stages: list[SqlStage] = []
        self.joined: list[str] = []
        """Sources that are joined, in order."""
        self.counters: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self._fails: dict[str, str] = {}
        """Hidden columns that are true where a row fails, with the rule: together they make FAILED, in one look."""
        self._queries: list[str] = []

    @property
    def last(self) -> str:
        return f"q{len(self._queries)}" if self._queries else "input"

    @property
    def hidden(self) -> tuple[str, ...]:
        return (*MARKS, *self.counters, *self.errors, *self._fails)

    def column(self, name: str) -> Column:
        """Raises ExpressionError for a column that is not there."""
        found = self.columns.get(name)
        if found is None:
            raise no_column(name, self.columns)
        return found

    def compute(self, sql: str) -> None:
        """A new value beside the columns, under the name NEW: computed once however often it is read."""
        self.read(statement("SELECT *, {sql} AS {new} FROM {last}", sql=sql, new=quoted(NEW), last=self.last))

    def leave(
        self,
        columns: Mapping[str, Column],
        values: Mapping[str, str],
        *,
        failed: str = "",
        reason: str = "",
        left_out: str = "",
        null_made: str = "",
        error: str = "",
    ) -> None:
        """The columns after an operation; those without a value keep their own.

        `failed` and `left_out` are conditions under which a row is marked; `null_made` one under which a null of the
        first of `values` is counted, `error` one under which the operation failed and made a null of it.
        """
        marks = {name: quoted(name) for name in self.hidden}
        if failed:
            self.rules[self.rule] = reason
            fails = f"{RESERVED}fails_{len(self._queries)}"
            self._fails[fails] = self.rule
            marks[fails] = failed
        if left_out:
            marks[LEFT_OUT] = f"coalesce({quoted(LEFT_OUT)}, CASE WHEN {left_out} THEN {literal(self.rule)} END)"
        if null_made:
            counter = f"{RESERVED}null_{len(self._queries)}"
            self.counters[counter] = next(iter(values))
            marks[counter] = f"coalesce({null_made}, FALSE)"
        if error:
            counter = f"{RESERVED}error_{len(self._queries)}"
            self.errors[counter] = self.rule
            marks[counter] = f"coalesce({error}, FALSE)"
        shown = [f"{values.get(name, quoted(name))} AS {quoted(name)}" for name in columns]
        hidden = [f"{value} AS {quoted(name)}" for name, value in marks.items()]
        self.read(statement("SELECT {shown} FROM {last}", shown=", ".join((*shown, *hidden)), last=self.last))
        self.columns = dict(columns)

    def read(self, query: str) -> None:
        """One more query, over `self.last`."""
        self._queries.append(query)

    def settle(self, *others: tuple[str, str]) -> None:
        """Brings FAILED up to date for who reads it. `others` are more conditions that fail a row, with their rules."""
        fails = [(quoted(name), rule) for name, rule in self._fails.items()]
        branches = " ".join(f"WHEN {condition} THEN {literal(rule)}" for condition, rule in (*fails, *others))
        if not branches:
            return
        self.read(
            statement(
                "SELECT * {without} REPLACE (CASE WHEN {failed} IS NOT NULL THEN {failed} {branches} END AS {failed})"
                " FROM {last}",
                without=f"EXCLUDE ({', '.join(name for name, _ in fails)})" if fails else "",
                failed=quoted(FAILED),
                branches=branches,
                last=self.last,
            )
        )
        self._fails.clear()

    def end_stage(self) -> None:
        """Closes the queries so far into a stage; the next one reads a new `input`."""
        self.settle()
        if not self._queries:
            self.read(statement("SELECT * FROM {last}", last=self.last))
        queries = ", ".join(f"q{number} AS ({query})" for number, query in enumerate(self._queries, 1))
        sql = statement("WITH {queries} SELECT * FROM {last}", queries=queries, last=self.last)
        self.stages.append(SqlStage(sql, dict(self.counters), dict(self.errors), tuple(self.columns.values())))
        self._queries.clear()
        self.counters.clear()
        self.errors.clear()
