"""The errors of the Messages API: their types by status, and the exception that carries one to the edge."""

from dataclasses import dataclass

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(slots=True)
class RefusedError(Exception):
    """A request that is answered with an error."""

    status: int
    message: str
    retry_after: str | None = None

    @property
    def kind(self) -> str:
        return ERROR_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")


def invalid(message: str) -> RefusedError:
    return RefusedError(400, message)
