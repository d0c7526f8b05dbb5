"""Calls to the business services: one door for every operation of every OpenAPI document."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NoReturn

import httpx

from towpath.config.openapi import IDEMPOTENCY_HEADER, Operation, operations
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.quota import TurnKeeper, service_place
from towpath.contracts.core.wire import EffectKey, JsonObject, json_object
from towpath.engine.run.statuses import PASSING, refusal_code
from towpath.outside.bounded import LIMIT, AnswerTooLargeError
from towpath.outside.transport import never_sent
from towpath.policy.core.retry_after import retry_after

MAX_ANSWER_BYTES = 1024 * 1024
_PASSING = PASSING | {409}
"""Refusals that pass: a time-out, a request with the same key in progress, too early."""


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    base_url: str
    token: str | None = field(default=None, repr=False)


class ServiceClient:
    """`http` is shared and pooled. Addresses and tokens are given by service name, which is its document's name; so are
    `turns`, where a service has limits.
    """

    def __init__(
        self, http: httpx.AsyncClient, endpoints: Mapping[str, ServiceEndpoint], turns: TurnKeeper | None = None
    ) -> None:
        self._http = http
        self._endpoints = endpoints
        self._turns = turns

    async def call(self, service: str, operation_id: str, params: JsonObject, key: EffectKey) -> JsonObject:
        """The service's answer. `params` are flat: the document says which go into path, query and body.

        Raises ServiceError; its message and evidence hold no parameter and no answer. Raises QuotaError when the call
        must wait for its turn: nothing was sent.
        """
        operation = _operation(service, operation_id)
        try:
            async with nullcontext() if self._turns is None else self._turns.turn(service_place(operation.service)):
                return await self._ask(operation, params, key)
        except ServiceError as error:
            # What only reads has no effect of which anybody could be in doubt.
            error.sent = error.sent and operation.keyed
            raise

    async def _ask(self, operation: Operation, params: JsonObject, key: EffectKey) -> JsonObject:
        request = operation.request(params)
        endpoint = self._endpoint(operation.service)
        headers = {} if endpoint.token is None else {"Authorization": f"Bearer {endpoint.token}"}
        headers |= request.headers
        if operation.keyed:
            headers[IDEMPOTENCY_HEADER] = key
        try:
            async with self._http.stream(
                request.method,
                endpoint.base_url.rstrip("/") + request.path,
                params=request.query or None,
                json=request.body,
                headers=headers,
                extensions={LIMIT: MAX_ANSWER_BYTES},
            ) as response:
                content = await _content(operation, response)
        except httpx.TimeoutException as error:
            sent = not never_sent(error)
            raise _failed(operation, FailureCode.SERVICE_TIMEOUT, "no answer in time", sent) from error
        except httpx.TransportError as error:
            sent = not never_sent(error)
            raise _failed(operation, FailureCode.SERVICE_CONNECTION, "connection failed", sent) from error
        except httpx.DecodingError as error:
            raise _failed(operation, FailureCode.SERVICE_BAD_RESPONSE, "broken compression", sent=True) from error
        return _answer(operation, response, content)

    def _endpoint(self, service: str) -> ServiceEndpoint:
        endpoint = self._endpoints.get(service)
        if endpoint is None:
            message = f"this worker has no address for the service {service}"
            raise ServiceError(FailureCode.SERVICE_BAD_REQUEST, message, evidence={"service": service})
        return endpoint


def _operation(service: str, operation_id: str) -> Operation:
    operation = operations(service).get(operation_id)
    if operation is None:
        message = f"the service {service} has no operation {operation_id!r}"
        raise ServiceError(FailureCode.SERVICE_BAD_REQUEST, message, evidence={"service": service})
    return operation


async def _content(operation: Operation, response: httpx.Response) -> bytes:
    """The body; none of a refusal that is too large. Raises ServiceError for an answer that is."""
    try:
        return await response.aread()
    except AnswerTooLargeError as error:
        if response.is_success:
            raise operation.bad_answer(response.status_code, "larger than 1 MiB") from error
        return b""


def _answer(operation: Operation, response: httpx.Response, content: bytes) -> JsonObject:
    if not response.is_success:
        _refuse(operation, response, content)
    return operation.check_answer(response.status_code, json_object(content))


def _refuse(operation: Operation, response: httpx.Response, content: bytes) -> NoReturn:
    status = response.status_code
    body = json_object(content)
    code = None if body is None else body.get("code")
    problem = code if isinstance(code, str) and code.replace("_", "").replace("-", "").isalnum() else None
    raise ServiceError(
        refusal_code(status, _PASSING),
        f"{operation.service} {operation.operation_id}: {status} {problem or response.reason_phrase}".rstrip(),
        retry_after=retry_after(response.headers),
        evidence={
            "service": operation.service,
            "operation": operation.operation_id,
            "status": status,
            "problem": problem,
        },
    )


def _failed(operation: Operation, code: FailureCode, why: str, sent: bool) -> ServiceError:
    return ServiceError(
        code,
        f"{operation.service} {operation.operation_id}: {why}",
        evidence={"service": operation.service, "operation": operation.operation_id},
        sent=sent,
    )
