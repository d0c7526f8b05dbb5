"""Running a specification over parts: valid rows, quarantined rows, and the count of everything left out."""

from towpath.contracts.stages import Duplicates, DuplicatesTask, Transformed, TransformTask
from towpath.dataplane.specification.files import Files


def transform(task: TransformTask, files: Files) -> Transformed:
    """Raises SpecificationError when the specification does not compile against the task's schemas."""
    raise NotImplementedError(task, files)


def find_duplicates(task: DuplicatesTask, files: Files) -> Duplicates:
    """Looks at the keys of all parts once: only keys that occur twice need a look beyond their own part."""
    raise NotImplementedError(task, files)
