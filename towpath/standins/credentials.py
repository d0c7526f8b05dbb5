"""What a request shows of who sends it. Any token will do, but there has to be one."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from towpath.standins.ledger import Answer, problem

Endpoint = Callable[[Request], Awaitable[Response]]


def bearer(request: Request) -> str:
    """The token of a request; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def unknown_sender(request: Request) -> Answer | None:
    """The refusal of a request without a token."""
    return None if bearer(request) else problem(401, "no_credentials", "a bearer token is needed")


def with_token(endpoint: Endpoint) -> Endpoint:
    """An endpoint of a service whose contract wants a bearer token."""

    async def checked(request: Request) -> Response:
        refusal = unknown_sender(request)
        if refusal is None:
            return await endpoint(request)
        return JSONResponse(refusal[1], status_code=refusal[0], media_type="application/problem+json")

    return checked
