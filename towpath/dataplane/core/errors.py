"""What goes wrong in the data plane.

DataError                  code, message; never a row's content, an address or a secret in the message
├── ConnectionNameError    a connection that is not set
├── StoreError             the dataset store cannot be used, or a part is not what its reference says
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

from towpath.contracts.core.failure import FailureCode, PipelineError
from towpath.contracts.pipeline.transformation import SpecificationProblem


class DataError(PipelineError):
    """A task of the data plane failed."""


class ConnectionNameError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_CONNECTION, message)


class DatasetStoreError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_STORE, message)


class SourceError(DataError):
    """`retryable` says whether another attempt may help: a refusal and a missing permission are final."""

    def __init__(self, message: str, *, retryable: bool = True, retry_after: timedelta | None = None) -> None:
        super().__init__(FailureCode.PIPELINE_SOURCE_UNAVAILABLE, message, retry_after=retry_after, final=not retryable)


class SourceMissingError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_SOURCE_MISSING, message)


class SourceChangedError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_SOURCE_CHANGED, message)


class SourceFormatError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_SOURCE_INVALID, message)


class DestinationError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_DESTINATION_UNAVAILABLE, message)


class LoadError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_DESTINATION_REFUSED, message)


class LineageError(DataError):
    """`retryable`: the collector may take the event later."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(FailureCode.PIPELINE_LINEAGE, message, final=not retryable)


class SpecificationError(DataError):
    def __init__(self, problems: tuple[SpecificationProblem, ...]) -> None:
        told = "; ".join(f"{problem.place}: {problem.message}" for problem in problems[:5])
        super().__init__(FailureCode.PIPELINE_SPECIFICATION, f"the specification cannot be used: {told}")
        self.problems = problems


class SchemaError(DataError):
    def __init__(self, message: str) -> None:
        super().__init__(FailureCode.PIPELINE_SCHEMA_CHANGED, message)


class EngineError(DataError):
    """`kind` is the engine's class of error: its message may hold values, and stays here."""

    def __init__(self, kind: str, *, out_of_memory: bool = False) -> None:
        code = FailureCode.PIPELINE_OUT_OF_MEMORY if out_of_memory else FailureCode.PIPELINE_TASK_FAILED
        super().__init__(code, f"the engine ended a query: {kind}", evidence={"kind": kind})
