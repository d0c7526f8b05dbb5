"""A specification tried before it is used: on a sample, and on rows made to hurt it."""

from towpath.contracts.stages import BackTestTask, SpecificationCheck, SpecificationTask
from towpath.contracts.transformation import BackTest
from towpath.dataplane.errors import SpecificationError
from towpath.dataplane.specification.compile import compile_specification
from towpath.dataplane.workspace import Workspace


def check_specification(task: SpecificationTask, work: Workspace) -> SpecificationCheck:
    """Every problem of a specification against both schemas, found without reading a row."""
    del work
    try:
        compile_specification(task)
    except SpecificationError as error:
        return SpecificationCheck(problems=error.problems)
    return SpecificationCheck()


def back_test(task: BackTestTask, work: Workspace) -> BackTest:
    """Problems are those of the check, and what went wrong on the sample or the adversarial rows."""
    raise NotImplementedError(task, work)
