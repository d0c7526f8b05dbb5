"""What goes wrong in the data plane.

DataError                  code, message; never a row's content, an address or a secret in the message
├── ConnectionNameError    a connection that is not set
├── DatasetStoreError      the dataset store cannot be used, or a part is not what its reference says
├── SourceError            a source cannot be reached, or refuses
├── SourceMissingError     a file that is not there or cannot be opened
├── SourceChangedError     a file changed between planning and reading
├── SourceFormatError      a source is not what its configuration says, as a whole
├── DestinationError       a destination cannot be reached, or is busy: another attempt may help
├── LoadError              a destination cannot take these rows: its table or its ledger says otherwise
├── LineageError           the file or the collector of lineage does not take an event
├── SpecificationError     a specification does not compile; it carries its problems
├── SchemaError            a part is not of the schema that its reference promises
└── EngineError            the engine ended a query: memory, time, or disk
"""

from datetime import timedelta
from typing import ClassVar

from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.pipeline.transformation import SpecificationProblem


class DataError(PipelineError):
    """A task of the data plane failed."""


class _CodedError(DataError):
    """Of one code. `retryable` says whether another attempt may help, where the code leaves that open."""

    CODE: ClassVar[FailureCode]

    def __init__(self, message: str, *, retryable: bool = True, retry_after: timedelta | None = None) -> None:
        super().__init__(self.CODE, message, retry_after=retry_after, final=not retryable)


class ConnectionNameError(_CodedError):
    CODE = FailureCode.PIPELINE_CONNECTION


class DatasetStoreError(_CodedError):
    CODE = FailureCode.PIPELINE_STORE


class SourceError(_CodedError):
    """A refusal and a missing permission are not `retryable`."""

    CODE = FailureCode.PIPELINE_SOURCE_UNAVAILABLE


class SourceMissingError(_CodedError):
    CODE = FailureCode.PIPELINE_SOURCE_MISSING


class SourceChangedError(_CodedError):
    CODE = FailureCode.PIPELINE_SOURCE_CHANGED


class SourceFormatError(_CodedError):
    CODE = FailureCode.PIPELINE_SOURCE_INVALID


class DestinationError(_CodedError):
    CODE = FailureCode.PIPELINE_DESTINATION_UNAVAILABLE


class LoadError(_CodedError):
    CODE = FailureCode.PIPELINE_DESTINATION_REFUSED


class LineageError(_CodedError):
    """`retryable`: the collector may take the event later."""

    CODE = FailureCode.PIPELINE_LINEAGE


class SpecificationError(DataError):
    def __init__(self, problems: tuple[SpecificationProblem, ...]) -> None:
        told = "; ".join(f"{problem.place}: {problem.message}" for problem in problems[:5])
        super().__init__(FailureCode.PIPELINE_SPECIFICATION, f"the specification cannot be used: {told}")
        self.problems = problems


class SchemaError(_CodedError):
    CODE = FailureCode.PIPELINE_SCHEMA_CHANGED


class EngineError(DataError):
    """`kind` is the engine's class of error: its message may hold values, and stays here."""

    def __init__(self, kind: str, *, out_of_memory: bool = False) -> None:
        code = FailureCode.PIPELINE_OUT_OF_MEMORY if out_of_memory else FailureCode.PIPELINE_TASK_FAILED
        super().__init__(code, f"the engine ended a query: {kind}", evidence={"kind": kind})
