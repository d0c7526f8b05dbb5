"""The schema contract of a source: what a schema that differs from the declared one leads to."""

from enum import StrEnum

from pydantic import Field

from towpath.contracts.core.wire import Wire


class SchemaAction(StrEnum):
    """What a change of the source's schema leads to."""

    EVOLVE = "evolve"
    FREEZE = "freeze"
    """The run fails before anything is loaded, and says what changed."""
    DISCARD_ROW = "discard_row"
    DISCARD_VALUE = "discard_value"
    QUARANTINE_ROW = "quarantine_row"


class SchemaChange(Wire):
    """One difference: `new_column`, `missing_column` or `type`. A change whose action is `freeze` ends the run."""

    kind: str
    column: str
    action: SchemaAction
    message: str


class SchemaContract(Wire):
    """Actions for new tables, new columns, and values of another type. dlt's matrix, and quarantine beside."""

    tables: SchemaAction = Field(default=SchemaAction.EVOLVE, description="a destination has no table yet")
    columns: SchemaAction = Field(default=SchemaAction.EVOLVE, description="the source has a column nobody declared")
    types: SchemaAction = Field(
        default=SchemaAction.QUARANTINE_ROW, description="a value is not of the type that was declared"
    )
