"""Calls of the `http` step: only to hosts that a connection allows, and only to the address that was checked.

The guard against forged requests to inner services is ssrfguard's: one look-up, every address of it judged, and the
socket opened to a judged address. Redirects are followed here, each hop judged anew.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network

import httpx
from ssrfguard import Policy, Resolver, SSRFGuardError

from towpath.config.connections import Connection, Connections, host_of, url_problems
from towpath.config.masking import Masker
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.engine.run.statuses import is_accepted, is_in_doubt, refusal_code
from towpath.integrations.http.guarded_transport import GuardedTransport
from towpath.integrations.http.messages import (
    CallDescription,
    Outgoing,
    filled,
    outgoing,
    parse_body,
    read_body,
    safe_headers,
)
from towpath.integrations.http.transport import (
    ATTEMPT,
    AiohttpTransport,
    Attempt,
    never_sent,
    tls_context,
)
from towpath.policy.core.retry_after import retry_after

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ROUTED = ""
"""Key of the transport for routed hosts: no connection has it as its name."""

PRIVATE_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = (
    *(IPv4Network(network) for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv6Network("::1/128"),
    *IPv6Network("fc00::/7").address_exclude(IPv6Network("fd00:ec2::/32")),
)
"""What `allow_private` opens. A cloud's metadata services are not in it, the one in fc00::/7 included."""

TransportFactory = Callable[[Connection], httpx.AsyncBaseTransport]


class GuardedHttp:
    """One for the whole process; it pools by connection. `close` it at the end.

    `resolver` stands in for `socket.getaddrinfo`, and `transport`, in tests, for the guarded transport. `routes` sends
    what is for a host to another base URL: a local stack has stand-ins for hosts of the outside world.
    """

    def __init__(
        self,
        connections: Connections,
        secrets: Secrets,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        transport: TransportFactory | None = None,
        routes: Mapping[str, str] | None = None,
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._resolver = resolver
        self._tls = tls
        self._factory = transport or self._guarded
        self._routes = routes or {}
        self._transports: dict[str, httpx.AsyncBaseTransport] = {}

    async def close(self) -> None:
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()

    async def send(self, request: HttpRequest, attempt: int = 1) -> HttpAnswer:
        """The accepted answer, secrets that it echoes masked.

        Raises HouseError; its message and evidence hold host, method and status only.
        """
        call, connection, sending = self._prepared(request)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._follow(request, attempt, connection, sending)
        except TimeoutError:
            sent = not sending.attempt.unsent
            raise call.failed(FailureCode.SERVICE_TIMEOUT, "no answer in time", sent=sent) from None

    def _prepared(self, request: HttpRequest) -> tuple[CallDescription, Connection, Outgoing]:
        call = CallDescription(request.method)
        named = None if request.connection is None else self._connections.named(request.connection)
        text = filled(request, self._secrets)["url"]
        if not isinstance(text, str):
            raise call.refused("the URL is no text")
        masker = self._secrets.masker([place for place in request.references if place.path[0] == "url"])
        connection = self._admit(text, call, masker, request.connection)
        url = httpx.URL(text if named is None else named.absolute(text))
        if masker.holds(host_of(url)):
            raise call.refused("a secret is in the host name")
        sending = outgoing(request, connection, url, self._secrets)
        return sending.call, connection, sending

    def _admit(self, url: str, call: CallDescription, masker: Masker, name: str | None = None) -> Connection:
        """The connection that allows the URL. Raises ServiceError."""
        problems = url_problems(url, self._connections, name)
        if problems:
            told = masker.mask(problems[0])
            raise call.refused("no connection allows it" if masker.holds(told) else told)
        found = self._connections.named(name) if name else self._connections.find(host_of(httpx.URL(url)))
        if found is None:
            raise call.refused("no connection allows it")
        return found

    async def _follow(
        self, request: HttpRequest, attempt: int, connection: Connection, sending: Outgoing
    ) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._exchange(connection, sending, request.timeout_seconds) as response:
                status = response.status_code
                if is_accepted(status, request.expect):
                    body = await read_body(response, request.max_bytes, sending.call)
                    return HttpAnswer(
                        attempt=attempt,
                        status=status,
                        headers=safe_headers(response, sending.masker),
                        body=sending.masker.masked(parse_body(body, response, sending.call)),
                    )
                location = response.headers.get("location")
                if status not in REDIRECTS or location is None:
                    raise _refusal(response, sending.call)
            sending = sending.redirected(status, location)
            connection = self._next(connection, sending)
        raise sending.call.failed(FailureCode.SERVICE_REFUSED, f"more than {MAX_REDIRECTS} redirects")

    def _next(self, current: Connection, hop: Outgoing) -> Connection:
        """The connection for a hop. A redirect may not open what the connection so far keeps shut."""
        if not url_problems(str(hop.url), self._connections, current.name):
            return current
        call = hop.call_of(hop.masker.mask(host_of(hop.url)))
        found = self._admit(str(hop.url), call, hop.masker)
        if (found.allow_private and not current.allow_private) or (found.allow_http and not current.allow_http):
            raise call.refused("redirected into a connection that allows more")
        return found

    @asynccontextmanager
    async def _exchange(
        self, connection: Connection, sending: Outgoing, seconds: float
    ) -> AsyncGenerator[httpx.Response]:
        call = sending.call
        base = self._routes.get(host_of(sending.url))
        asked = httpx.Request(
            sending.method,
            sending.url if base is None else base.rstrip("/") + sending.url.raw_path.decode("ascii"),
            headers=dict(sending.headers),
            content=sending.body,
            extensions={
                "timeout": httpx.Timeout(seconds).as_dict(),
                ATTEMPT: Attempt() if sending.followed else sending.attempt,
            },
        )
        try:
            transport = self._transport(connection) if base is None else self._routed()
            response = await transport.handle_async_request(asked)
            try:
                yield response
            finally:
                await response.aclose()
        # The library's texts hold the URL: none of these errors is kept as a cause.
        except SSRFGuardError:
            raise call.refused("its address is not allowed") from None
        except httpx.TimeoutException as error:
            sent = not never_sent(error)
            raise call.failed(FailureCode.SERVICE_TIMEOUT, "no answer in time", sent=sent) from None
        except httpx.TransportError as error:
            sent = not never_sent(error)
            raise call.failed(FailureCode.SERVICE_CONNECTION, "connection failed", sent=sent) from None

    def _transport(self, connection: Connection) -> httpx.AsyncBaseTransport:
        found = self._transports.get(connection.name)
        if found is None:
            found = self._transports[connection.name] = self._factory(connection)
        return found

    def _routed(self) -> httpx.AsyncBaseTransport:
        found = self._transports.get(ROUTED)
        if found is None:
            found = self._transports[ROUTED] = AiohttpTransport()
        return found

    def _guarded(self, connection: Connection) -> httpx.AsyncBaseTransport:
        if self._tls is None:
            self._tls = tls_context()
        return GuardedTransport(policy(connection), self._tls, self._resolver)


def policy(connection: Connection) -> Policy:
    """What ssrfguard lets through for a connection."""
    return Policy(
        allowed_schemes=frozenset({"https", "http"} if connection.allow_http else {"https"}),
        allowed_hosts=frozenset(connection.hosts),
        allowed_ports=connection.open_ports(),
        allowed_networks=PRIVATE_NETWORKS if connection.allow_private else (),
    )


def _refusal(response: httpx.Response, call: CallDescription) -> Exception:
    status = response.status_code
    wait = retry_after(response.headers)
    why = f"{status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    error = call.failed(refusal_code(status), why, status=status, wait=wait)
    error.in_doubt = is_in_doubt(status)
    return error
