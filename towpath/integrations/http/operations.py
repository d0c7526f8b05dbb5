"""Calls of operations of somebody else's OpenAPI documents: made as those of our services, sent as http steps are."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from towpath.config.openapi import Operation, Request, operation_of
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import canonical_digest
from towpath.contracts.declared.http_call import HttpRequest, OperationCall
from towpath.contracts.declared.references import SecretPlace
from towpath.contracts.declared.run import CallAnswer
from towpath.engine.run.answers import output_of, selected
from towpath.engine.run.effects import READING
from towpath.integrations.http.guarded_http import GuardedHttp

KEPT = 256


class OperationClient:
    """The guarded client has connections, authorization, keys and masking; what an operation is was frozen."""

    def __init__(self, guarded: GuardedHttp, secrets: Secrets) -> None:
        self._guarded = guarded
        self._secrets = secrets
        self._operations: OrderedDict[str, Operation] = OrderedDict()

    async def call(self, call: OperationCall, attempt: int = 1) -> CallAnswer:
        """The body of the answer, secrets that it echoes masked. No redirect is followed.

        Raises ServiceError; its message and evidence hold no parameter and no answer.
        """
        operation = self._operation(call)
        request = operation.request(self._secrets.fill(call.params, call.references))
        sending = _sending(call, operation, request)
        try:
            answer = await self._guarded.send(sending, attempt)
            if call.output != "raw":
                operation.check_value(answer.status, answer.body)
        except ServiceError as error:
            # What only reads has no effect of which anybody could be in doubt.
            error.sent = error.sent and sending.method not in READING
            raise
        kept = selected(answer, sending.output, call.select)
        return CallAnswer(attempt=attempt, value=output_of(kept, sending.output))

    def _operation(self, call: OperationCall) -> Operation:
        digest = canonical_digest(call.operation)
        found = self._operations.get(digest)
        if found is None:
            found = self._operations[digest] = operation_of(call.document, call.operation)
            while len(self._operations) > KEPT:
                self._operations.popitem(last=False)
        return found


def _sending(call: OperationCall, operation: Operation, request: Request) -> HttpRequest:
    """The request, with its secrets told beside it: the guarded client sends none of them to another host."""
    data: dict[str, Any] = {
        "url": (call.server or "").rstrip("/") + request.path,
        "method": request.method,
        "headers": dict(request.headers),
        "query": dict(request.query),
        "body": request.body,
    }
    references = tuple(_places(call, operation))
    more: dict[str, Any] = {"connection": call.connection, "references": references, "redirect": False, "key": call.key}
    more["output"] = call.output or "body"
    return HttpRequest.model_validate({**data, **more})


def _places(call: OperationCall, operation: Operation) -> Iterator[SecretPlace]:
    for place in call.references:
        name, rest = str(place.path[0]), place.path[1:]
        if name in operation.path_names or (rest and name in {*operation.joined, *operation.header_names}):
            message = f"{call.document} {operation.operation_id}: {name} is no place for a secret"
            raise ServiceError(FailureCode.SERVICE_BAD_REQUEST, message, sent=False)
        if name in operation.query_names:
            yield SecretPlace(path=("query", name, *rest), parts=place.parts)
        elif name in operation.header_names:
            yield SecretPlace(path=("headers", name), parts=place.parts)
        else:
            yield SecretPlace(path=("body", *(rest if operation.is_whole else place.path)), parts=place.parts)
