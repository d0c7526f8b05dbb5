"""Which call of a batch is being performed, for the log: `activity.info()` is the batch's."""

from contextvars import ContextVar

CURRENT_CALL: ContextVar[str | None] = ContextVar("current_call", default=None)
