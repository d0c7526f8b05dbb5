"""What columns of the sources are used for: asked when they change."""

from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.dataset import Identifier
from towpath.contracts.pipeline.stages import SpecificationTask


class TraceTask(SpecificationTask):
    """What some columns of the sources are used for. `columns` are their names, by source."""

    columns: dict[Identifier, tuple[str, ...]]


class ColumnUse(Wire):
    """`makes` are the target's columns that come from it; with `decides` it has a say in which rows there are."""

    source: Identifier
    column: str
    makes: tuple[str, ...] = ()
    decides: bool = False


class ColumnsTraced(ActivityResult):
    """One use for each column that was asked for; none for a specification that does not compile."""

    uses: tuple[ColumnUse, ...] = ()
