"""One request to an HTTP API that no OpenAPI document of ours describes: bounded, without redirects, typed failures."""

from dataclasses import dataclass
from typing import Any

import httpx

from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import JsonObject, json_object
from towpath.engine.run.statuses import refusal_code
from towpath.outside.bounded import LIMIT, AnswerTooLargeError
from towpath.outside.bounds import MAX_ANSWER_BYTES
from towpath.outside.transport import never_sent
from towpath.policy.core.retry_after import retry_after


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """`body` is the JSON object of the answer, None for anything else."""

    status: int
    headers: httpx.Headers
    body: JsonObject | None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Web:
    """One API: `name` is what failures call it. Its token goes to its own address only."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        name: str,
        base_url: str,
        token: str | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._http = http
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._max_bytes = max_bytes

    async def ask(self, method: str, path: str, *, params: dict[str, str] | None = None, json: Any = None) -> WebAnswer:
        """The answer, whatever its status. Raises ServiceError when there is none, or it is larger than allowed."""
        try:
            response = await self._http.request(
                method,
                self._base_url + path,
                params=params,
                json=json,
                headers=self._headers,
                extensions={LIMIT: self._max_bytes},
            )
        except httpx.TimeoutException as error:
            sent = not never_sent(error)
            raise self.failed(FailureCode.SERVICE_TIMEOUT, "no answer in time", sent=sent) from error
        except httpx.TransportError as error:
            sent = not never_sent(error)
            raise self.failed(FailureCode.SERVICE_CONNECTION, "connection failed", sent=sent) from error
        except AnswerTooLargeError as error:
            raise self.failed(FailureCode.SERVICE_REFUSED, str(error)) from error
        except httpx.DecodingError as error:
            raise self.failed(FailureCode.SERVICE_BAD_RESPONSE, "broken compression") from error
        return WebAnswer(response.status_code, response.headers, json_object(response.content))

    def failed(self, code: FailureCode, why: str, status: int | None = None, *, sent: bool = True) -> ServiceError:
        evidence = {"service": self.name, "status": status}
        return ServiceError(code, f"{self.name}: {why}", evidence=evidence, sent=sent)

    def refused(self, answer: WebAnswer, why: str = "") -> ServiceError:
        """The failure that an answer outside of 2xx stands for. `why` must hold nothing that was sent."""
        status = answer.status
        wait = retry_after(answer.headers)
        message = f"{self.name}: {status} {why}".rstrip()
        return ServiceError(
            refusal_code(status), message, retry_after=wait, evidence={"service": self.name, "status": status}
        )
