"""A specification tried before it is used: on a sample, and on rows made to hurt it."""

from towpath.contracts.stages import BackTestTask, SpecificationCheck, SpecificationTask
from towpath.contracts.transformation import BackTest
from towpath.dataplane.specification.files import Files


def check_specification(task: SpecificationTask, files: Files) -> SpecificationCheck:
    """Every problem of a specification against both schemas, found without reading a row."""
    raise NotImplementedError(task, files)


def back_test(task: BackTestTask, files: Files) -> BackTest:
    """Problems are those of the check, and what went wrong on the sample or the adversarial rows."""
    raise NotImplementedError(task, files)
