"""What a specification asks of the process around it, told from its operations alone."""

from towpath.contracts.pipeline.dataset import Identifier
from towpath.contracts.pipeline.transformation import Aggregate, Deduplicate, Join, Specification


def deduplicates(specification: Specification) -> bool:
    """The keys of all parts have to be looked at before the first part is transformed."""
    return any(isinstance(operation, Deduplicate) for operation in specification.operations)


def needs_all_parts(specification: Specification) -> bool:
    """It aggregates: no part can be transformed by itself."""
    return any(isinstance(operation, Aggregate) for operation in specification.operations)


def joined_sources(specification: Specification) -> tuple[Identifier, ...]:
    """Other sources that have to be extracted first, sorted."""
    return tuple(sorted({operation.source for operation in specification.operations if isinstance(operation, Join)}))
