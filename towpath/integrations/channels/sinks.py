"""HTTP sinks for lifecycle events: CloudEvents in structured JSON, one request an event."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import httpx

from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.contracts.declared.run import CloudEvent
from towpath.outside.bounded import LIMIT, AnswerTooLargeError
from towpath.outside.transport import never_sent

MAX_ANSWER_BYTES = 1024 * 1024
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class Sinks:
    """`addresses` maps the name of a sink to its URL, as the settings give them."""

    def __init__(self, http: httpx.AsyncClient, addresses: Mapping[str, str]) -> None:
        self._http = http
        self._addresses = addresses

    async def deliver(self, names: Sequence[str], events: Sequence[CloudEvent]) -> int:
        """How many requests were taken. Raises DeliveryError at the first that was not, so that order holds."""
        count = 0
        for name in names:
            address = self._addresses.get(name)
            if address is None:
                raise DeliveryError(FailureCode.DELIVERY_REFUSED, f"this worker has no event sink {name!r}")
            for event in events:
                await self._post(name, address, event, begun=count > 0)
                count += 1
        return count

    async def _post(self, name: str, address: str, event: CloudEvent, *, begun: bool) -> None:
        try:
            async with self._http.stream(
                "POST",
                address,
                content=event.model_dump_json(),
                headers={"Content-Type": CONTENT_TYPE},
                extensions={LIMIT: MAX_ANSWER_BYTES},
            ) as response:
                # The status is the answer: a body beside it that is too large is not read on.
                with suppress(AnswerTooLargeError):
                    await response.aread()
        except httpx.HTTPError as error:
            message = f"the event sink {name} cannot be reached"
            sent = begun or not never_sent(error)
            raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, message, sent=sent) from error
        if response.is_success:
            return
        passing = response.status_code == 429 or response.status_code >= 500
        code = FailureCode.DELIVERY_UNAVAILABLE if passing else FailureCode.DELIVERY_REFUSED
        raise DeliveryError(code, f"the event sink {name} answered {response.status_code}")
