"""Parts that are appended wait in a table of their own and join the target with the last one, in one transaction.

So a load that failed half-way has appended nothing: whatever run comes next neither loses its rows nor doubles them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from towpath.contracts.pipeline.loading import CleanDestination, LoadPart
from towpath.dataplane.core.columns import statement
from towpath.dataplane.load.history import listed
from towpath.dataplane.load.ledger import Ledger, Run
from towpath.dataplane.load.target import LoadTarget, written

PREFIX = "towpath_append_"


def is_staged(request: LoadPart, target: LoadTarget) -> bool:
    """Part of several: a single one is appended by its own transaction."""
    return target.strategy == "append" and request.total > 1


@dataclass(frozen=True, slots=True)
class StagedAppend:
    """The waiting parts of a load into `table`, which is written as SQL wants it."""

    run: Run
    ledger: Ledger
    schema: str | None
    load: str
    destination: str

    @property
    def table(self) -> str:
        name = PREFIX + hashlib.sha256(f"{self.load}/{self.destination}".encode()).hexdigest()[:16]
        return f"{'' if self.schema is None else f'{self.schema}.'}{name}"

    @property
    def written(self) -> str:
        return written(self.table)

    def create(self, table: str, target: LoadTarget) -> None:
        """With the target's types and none of its constraints: those are checked when the rows join it."""
        told = "CREATE TABLE IF NOT EXISTS {holding} AS SELECT {names} FROM {table} LIMIT 0"
        self.run(statement(told, holding=self.written, names=listed(target.names), table=table), ())

    def release(self, table: str, target: LoadTarget, total: int) -> None:
        """All rows into the target, when all parts are in the ledger."""
        if self.ledger.present(self.load, self.destination) < total:
            return
        names = listed(target.names)
        told = "INSERT INTO {table} ({names}) SELECT {names} FROM {holding}"
        self.run(statement(told, table=table, names=names, holding=self.written), ())
        self.drop()

    def drop(self) -> None:
        self.run(statement("DROP TABLE {holding}", holding=self.written), ())


def give_up(
    run: Run, ledger: Ledger, schema: str | None, request: CleanDestination, exists: Callable[[str], bool]
) -> int:
    """Forgets the parts of loads that nobody went on with since: how many. One that is redriven begins anew."""
    parts, destination = 0, request.destination.name
    for load in ledger.stalled(request.pipeline, destination, request.before):
        holding = StagedAppend(run, ledger, schema, load, destination)
        if exists(holding.table):
            holding.drop()
            parts += ledger.forget(load, destination)
    return parts
