"""The schema contract: what a source's schema that differs from the declared one leads to."""

from towpath.contracts.dataset import Column
from towpath.contracts.pipeline import SchemaAction, SchemaContract
from towpath.contracts.wire import Wire


class SchemaChange(Wire):
    """One difference. `column` is empty for a table."""

    kind: str
    column: str
    action: SchemaAction
    message: str


class SchemaDecision(Wire):
    """`columns` is the schema that the run reads by. `refused`: the run fails before anything is loaded.

    Rows with a value in `quarantine_where_set` or `discard_where_set` are quarantined or left out.
    """

    columns: tuple[Column, ...]
    changes: tuple[SchemaChange, ...] = ()
    quarantine_where_set: tuple[str, ...] = ()
    discard_where_set: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[SchemaChange, ...]:
        return tuple(change for change in self.changes if change.action is SchemaAction.FREEZE)


def decide(contract: SchemaContract, declared: tuple[Column, ...], seen: tuple[Column, ...]) -> SchemaDecision:
    """Columns are compared by name; without a declaration everything that is seen is taken."""
    raise NotImplementedError(contract, declared, seen)
