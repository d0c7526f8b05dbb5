"""The closed vocabulary of failures. `towpath/temporal/failures.py` has the way to Temporal's errors and back.

    HouseError                 code, message, evidence; never personal data or secrets in either
    ├── ClaudeError            the model could not be asked, or its answer cannot be used
    ├── ServiceError           an HTTP service described by an OpenAPI document
    ├── DeliveryError          one message to one channel
    ├── PublishError           a post on a platform; `publish.unknown` when nobody knows whether it is out
    ├── PipelineError          a stage of an ETL pipeline; what it names are places, columns and counts, never values
    ├── QuotaError             a call must wait for its turn at a place with limits; the run waits, and nobody is told
    └── BudgetError            the run may not spend more

An error is matched by its code, never by its text.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from towpath.contracts.core.wire import Wire, clip, clip_values

Evidence = Mapping[str, str | int | float | None]


class FailureCode(StrEnum):
    CLAUDE_RATE_LIMITED = "claude.rate_limited"
    CLAUDE_SPEND_LIMIT = "claude.spend_limit"
    CLAUDE_OVERLOADED = "claude.overloaded"
    CLAUDE_SERVER_ERROR = "claude.server_error"
    CLAUDE_TIMEOUT = "claude.timeout"
    CLAUDE_CONNECTION = "claude.connection"
    CLAUDE_TRUNCATED = "claude.truncated"
    CLAUDE_BAD_RESPONSE = "claude.bad_response"
    CLAUDE_INVALID_REQUEST = "claude.invalid_request"
    CLAUDE_AUTH = "claude.auth"
    CLAUDE_BILLING = "claude.billing"
    CLAUDE_PERMISSION = "claude.permission"
    CLAUDE_MODEL_NOT_FOUND = "claude.model_not_found"
    CLAUDE_CLIENT_BUG = "claude.client_bug"
    CLAUDE_REFUSAL = "claude.refusal"
    CLAUDE_CONTEXT_WINDOW = "claude.context_window"
    CLAUDE_OUTPUT_INVALID = "claude.output_invalid"
    SERVICE_BAD_REQUEST = "service.bad_request"
    SERVICE_REFUSED = "service.refused"
    SERVICE_AUTH = "service.auth"
    SERVICE_RATE_LIMITED = "service.rate_limited"
    SERVICE_UNAVAILABLE = "service.unavailable"
    SERVICE_TIMEOUT = "service.timeout"
    SERVICE_CONNECTION = "service.connection"
    SERVICE_BAD_RESPONSE = "service.bad_response"
    DELIVERY_REFUSED = "delivery.refused"
    DELIVERY_AUTH = "delivery.auth"
    DELIVERY_RATE_LIMITED = "delivery.rate_limited"
    DELIVERY_UNAVAILABLE = "delivery.unavailable"
    PUBLISH_UNKNOWN = "publish.unknown"
    PUBLISH_DUPLICATE = "publish.duplicate"
    PUBLISH_REFUSED = "publish.refused"
    PUBLISH_RATE_LIMITED = "publish.rate_limited"
    PUBLISH_AUTH = "publish.auth"
    PUBLISH_UNAVAILABLE = "publish.unavailable"
    JOB_UNKNOWN = "job.unknown"
    JOB_CLOSED = "job.closed"
    JOB_REFUSED = "job.refused"
    REVIEW_NOT_OPEN = "review.not_open"
    REVIEW_UNKNOWN_REVIEWER = "review.unknown_reviewer"
    REVIEW_ROLE_NOT_ALLOWED = "review.role_not_allowed"
    REVIEW_REASON_REQUIRED = "review.reason_required"
    REVIEW_ALREADY_DECIDED = "review.already_decided"
    REVIEW_EXPIRED = "review.expired"
    REVIEW_FORM = "review.form"
    REVIEW_QUORUM = "review.quorum"
    REVIEW_FULL = "review.full"
    SIGNATURE_REFUSED = "signature.refused"
    ENCRYPTION_REFUSED = "encryption.refused"
    PIPELINE_SOURCE_MISSING = "pipeline.source_missing"
    PIPELINE_SOURCE_CHANGED = "pipeline.source_changed"
    PIPELINE_SOURCE_INVALID = "pipeline.source_invalid"
    PIPELINE_SOURCE_UNAVAILABLE = "pipeline.source_unavailable"
    PIPELINE_SCHEMA_CHANGED = "pipeline.schema_changed"
    PIPELINE_SPECIFICATION = "pipeline.specification"
    PIPELINE_QUALITY = "pipeline.quality"
    PIPELINE_DESTINATION_REFUSED = "pipeline.destination_refused"
    PIPELINE_DESTINATION_UNAVAILABLE = "pipeline.destination_unavailable"
    PIPELINE_WATERMARKS = "pipeline.watermarks"
    PIPELINE_CONNECTION = "pipeline.connection"
    PIPELINE_STORE = "pipeline.store"
    PIPELINE_OUT_OF_MEMORY = "pipeline.out_of_memory"
    PIPELINE_CHILD_DIED = "pipeline.child_died"
    PIPELINE_TASK_FAILED = "pipeline.task_failed"
    PIPELINE_LINEAGE = "pipeline.lineage"
    PATH_REFUSED = "path.refused"
    START_REFUSED = "start.refused"
    BUDGET_EXCEEDED = "budget.exceeded"
    QUOTA_TURN = "quota.turn"
    QUOTA_UNAVAILABLE = "quota.unavailable"
    FUNCTION_FAILED = "function.failed"
    FUNCTION_UNKNOWN = "function.unknown"
    EVENT_TIMEOUT = "event.timeout"
    CHILD_FAILED = "workflow.failed"
    ITEMS_FAILED = "step.items_failed"
    STEP_EXPRESSION = "step.expression"
    STEP_INPUT = "step.input"
    STEP_JOIN = "step.join"
    STEP_RAISED = "step.raised"
    STEP_EXHAUSTED = "step.exhausted"
    STEP_TIMEOUT = "step.timeout"
    STEP_CANCELLED = "step.cancelled"
    UNEXPECTED = "unexpected"


RETRYABLE = frozenset(
    {
        FailureCode.CLAUDE_RATE_LIMITED,
        FailureCode.CLAUDE_OVERLOADED,
        FailureCode.CLAUDE_SERVER_ERROR,
        FailureCode.CLAUDE_TIMEOUT,
        FailureCode.CLAUDE_CONNECTION,
        FailureCode.CLAUDE_TRUNCATED,
        FailureCode.CLAUDE_BAD_RESPONSE,
        FailureCode.SERVICE_RATE_LIMITED,
        FailureCode.SERVICE_UNAVAILABLE,
        FailureCode.SERVICE_TIMEOUT,
        FailureCode.SERVICE_CONNECTION,
        FailureCode.SERVICE_BAD_RESPONSE,
        FailureCode.DELIVERY_RATE_LIMITED,
        FailureCode.DELIVERY_UNAVAILABLE,
        FailureCode.PUBLISH_RATE_LIMITED,
        FailureCode.PUBLISH_UNAVAILABLE,
        FailureCode.PIPELINE_SOURCE_UNAVAILABLE,
        FailureCode.PIPELINE_DESTINATION_UNAVAILABLE,
        FailureCode.PIPELINE_STORE,
        FailureCode.PIPELINE_OUT_OF_MEMORY,
        FailureCode.PIPELINE_CHILD_DIED,
        FailureCode.PIPELINE_TASK_FAILED,
        FailureCode.PIPELINE_LINEAGE,
        FailureCode.QUOTA_UNAVAILABLE,
        FailureCode.STEP_TIMEOUT,
        FailureCode.UNEXPECTED,
    }
)


OUTCOME_UNKNOWN = frozenset(
    {
        FailureCode.SERVICE_UNAVAILABLE,
        FailureCode.SERVICE_TIMEOUT,
        FailureCode.SERVICE_CONNECTION,
        FailureCode.SERVICE_BAD_RESPONSE,
        FailureCode.DELIVERY_UNAVAILABLE,
        FailureCode.PUBLISH_UNKNOWN,
        FailureCode.PUBLISH_DUPLICATE,
        FailureCode.PIPELINE_DESTINATION_UNAVAILABLE,
        FailureCode.PIPELINE_OUT_OF_MEMORY,
        FailureCode.PIPELINE_CHILD_DIED,
        FailureCode.PIPELINE_TASK_FAILED,
        FailureCode.FUNCTION_FAILED,
        FailureCode.CHILD_FAILED,
        FailureCode.STEP_TIMEOUT,
        FailureCode.STEP_CANCELLED,
        FailureCode.UNEXPECTED,
    }
)
"""Failures after which the effect may have happened, unless it is certain that nothing was sent."""


class Failure(Wire):
    """One failure as it travels: in an ApplicationError's details, a status, a result. Bounded: about 2 KiB at most."""

    code: FailureCode
    message: str
    attempts: int = 1
    retryable: bool = False
    retry_after_seconds: float | None = None
    evidence: dict[str, str | int | float | None] = {}
    unknown: bool = False
    """Whether the effect may have happened all the same, in this attempt or in one before it."""


class HouseError(Exception):
    """An error this code raises on purpose. `retry_after` is what the other side asked for, already capped.

    `final` takes a code that is retried as a rule out of the retries, for a reason that the message names. `sent` is
    False when it is certain that the request never left: then nothing can have happened.
    """

    def __init__(
        self,
        code: FailureCode,
        message: str,
        *,
        retry_after: timedelta | None = None,
        evidence: Evidence | None = None,
        final: bool = False,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.final = final
        self.sent = sent
        self.in_doubt = code in OUTCOME_UNKNOWN
        self.code = code
        self.message = clip(message)
        self.retry_after = retry_after
        self.evidence = clip_values(evidence or {})

    @property
    def retryable(self) -> bool:
        return not self.final and self.code in RETRYABLE

    @property
    def unknown(self) -> bool:
        """Whether this attempt may have had its effect."""
        return self.sent and self.in_doubt

    def failure(self, attempts: int, *, unknown: bool | None = None) -> Failure:
        """`unknown` adds what is known of earlier attempts."""
        return Failure(
            code=self.code,
            message=self.message,
            attempts=attempts,
            retryable=self.retryable,
            retry_after_seconds=None if self.retry_after is None else self.retry_after.total_seconds(),
            evidence=self.evidence,
            unknown=self.unknown if unknown is None else unknown,
        )


class CallFailedError(Exception):
    """A call of a run failed for good: permanently, or in all its attempts."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ClaudeError(HouseError):
    """Asking Claude failed."""


class ServiceError(HouseError):
    """An HTTP service refused, failed, or answered outside its contract."""


class DeliveryError(HouseError):
    """A channel did not take a message."""


class PublishError(HouseError):
    """A platform did not take a post, or did not say whether it did.

    After `publish.unknown` and `publish.duplicate` the account's timeline tells; the others say that nothing went out.
    """


class PipelineError(HouseError):
    """A stage of a pipeline cannot be done."""


class QuotaError(HouseError):
    """A call was not sent: it is not its turn, or nobody says whose turn it is."""


class BudgetError(HouseError):
    """The run's budget does not cover the next call."""
