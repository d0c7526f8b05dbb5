"""Calls of the `http` step: only to hosts that a connection allows, and only to the address that was checked.

The guard against forged requests to inner services is ssrfguard's: one look-up, every address of it judged, and the
socket opened to a judged address. Redirects are followed here, each hop judged anew.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

import httpx
from pydantic import JsonValue
from ssrfguard import Policy, Resolver, SSRFGuardError

from towpath.config.connections import Connection, Connections, host_of, url_problems
from towpath.config.masking import Masker
from towpath.config.secrets import Secrets
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.quota import TurnKeeper, connection_place
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.engine.run.statuses import is_accepted, is_in_doubt, refusal_code
from towpath.integrations.http.authorization import (
    MAX_TOKEN_BYTES,
    AccessToken,
    Auth,
    ClientCredentials,
    Tokens,
    bearer_authorization,
    read_auth,
    read_token,
    token_error,
)
from towpath.integrations.http.messages import (
    DEFAULT_HEADERS,
    FORM,
    CallDescription,
    Outgoing,
    check_secrets,
    filled,
    outgoing,
    parse_body,
    raw_body,
    read_body,
    safe_headers,
    secrets_of,
)
from towpath.outside.bounds import MAX_REDIRECTS
from towpath.outside.guarded_transport import GuardedTransport
from towpath.outside.tls import tls_context
from towpath.outside.transport import ATTEMPT, AiohttpTransport, Attempt, never_sent
from towpath.policy.core.retry_after import retry_after

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
    what is for a host to another base URL: a local stack has stand-ins for hosts of the outside world. `turns` are
    those of connections with limits: a call has one, with its redirects.
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
        turns: TurnKeeper | None = None,
    ) -> None:
        self._connections = connections
        self._secrets = secrets
        self._resolver = resolver
        self._tls = tls
        self._factory = transport or self._guarded
        self._routes = routes or {}
        self._turns = turns
        self._transports: dict[str, httpx.AsyncBaseTransport] = {}
        self._tokens = Tokens()

    async def close(self) -> None:
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()

    async def send(self, request: HttpRequest, attempt: int = 1) -> HttpAnswer:
        """The accepted answer, secrets that it echoes masked.

        Raises HouseError; its message and evidence hold host, method and status only.
        """
        connection, sending, auth = self._prepared(request)
        turn = nullcontext() if self._turns is None else self._turns.turn(connection_place(connection.name))
        try:
            async with turn, asyncio.timeout(request.timeout_seconds):
                return await self._follow(request, attempt, connection, sending, auth)
        except TimeoutError:
            sent = not sending.attempt.unsent
            raise sending.call.failed(FailureCode.SERVICE_TIMEOUT, "no answer in time", sent=sent) from None

    def _prepared(self, request: HttpRequest) -> tuple[Connection, Outgoing, Auth | None]:
        call = CallDescription(request.method)
        named = None if request.connection is None else self._connections.named(request.connection)
        given = filled(request, self._secrets)
        text = given["url"]
        if not isinstance(text, str):
            raise call.refused("the URL is no text")
        masker = self._secrets.masker([place for place in request.references if place.path[0] == "url"])
        connection = self._admit(text, call, masker, request.connection)
        url = httpx.URL(text if named is None else named.absolute(text))
        if masker.holds(host_of(url)):
            raise call.refused("a secret is in the host name")
        sending = outgoing(request, connection, url, self._secrets)
        return connection, sending, read_auth(request, given["auth"], sending.call)

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
        self, request: HttpRequest, attempt: int, connection: Connection, sending: Outgoing, auth: Auth | None
    ) -> HttpAnswer:
        if auth is not None:
            sending = await self._authorized(request, connection, sending, auth)
        token = None if auth is None else auth.oauth2_client_credentials
        hops = 0
        while hops <= MAX_REDIRECTS:
            async with self._exchange(connection, sending, request.timeout_seconds) as response:
                status = response.status_code
                is_stale = status == 401 and token is not None and sending.is_authorized
                if not is_stale and is_accepted(status, request.expect):
                    body = await read_body(response, request.max_bytes, sending.call)
                    return _answered(request, attempt, sending, response, body)
                location = response.headers.get("location")
                if not is_stale and (status not in REDIRECTS or location is None or request.redirect is False):
                    raise _refusal(response, sending.call)
            if is_stale and auth is not None:
                # A token that was refused is renewed once; what was refused for it did nothing.
                token = None
                sending = await self._authorized(request, connection, sending, auth, renew=True)
                continue
            hops += 1
            sending = sending.redirected(status, location or "")
            connection = self._next(connection, sending)
        raise sending.call.failed(FailureCode.SERVICE_REFUSED, f"more than {MAX_REDIRECTS} redirects")

    async def _authorized(
        self, request: HttpRequest, connection: Connection, sending: Outgoing, auth: Auth, *, renew: bool = False
    ) -> Outgoing:
        """The request with its `Authorization`; with `renew`, by another token than it has."""
        value, client = auth.header(sending.call), auth.oauth2_client_credentials
        if client is not None:
            sending = replace(sending, attempt=Attempt()) if renew else sending
            sending.attempt.unsent = not renew
            refused = sending.headers["authorization"].partition(" ")[2] if renew else None
            token = await self._tokens.get(client.key, lambda: self._fetch(request, client), refused)
            value = bearer_authorization(token, sending.call)
        if value is None:
            raise sending.call.refused("its auth is empty")
        made = (value, value.partition(" ")[2])
        return sending.authorized(value, self._secrets.masker(request.references, secrets_of(connection), made))

    async def _fetch(self, request: HttpRequest, client: ClientCredentials) -> AccessToken:
        """A token from its server, which a connection must allow as well. Nothing of the step's own request is sent."""
        try:
            return await self._asked_for(request, client)
        except ServiceError as error:
            error.sent = False
            raise

    async def _asked_for(self, request: HttpRequest, client: ClientCredentials) -> AccessToken:
        masker = self._secrets.masker(request.references)
        connection = self._admit(client.token_url, CallDescription("POST"), masker)
        url = httpx.URL(client.token_url).copy_with(fragment=None)
        call = CallDescription("POST", host_of(url))
        check_secrets(connection, request, call, of_client=True)
        own = {name: self._secrets.text(parts) for name, parts in connection.headers.items()}
        headers = {
            **DEFAULT_HEADERS,
            **own,
            "accept": "application/json",
            "accept-encoding": "gzip",
            "content-type": FORM,
            "authorization": client.authorization(call),
        }
        asking = Outgoing("POST", url, headers, frozenset(), client.form(), private_body=True, masker=masker)
        async with self._exchange(connection, asking, request.timeout_seconds) as response:
            body = parse_body(await read_body(response, MAX_TOKEN_BYTES, call), response, call)
            if response.status_code != 200:
                raise _no_token(response, body, call)
            return read_token(body, call)

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


def _answered(
    request: HttpRequest, attempt: int, sending: Outgoing, response: httpx.Response, body: bytes
) -> HttpAnswer:
    is_raw = request.output == "raw"
    return HttpAnswer(
        attempt=attempt,
        status=response.status_code,
        headers=safe_headers(response, sending.masker),
        body=raw_body(body, sending.masker)
        if is_raw
        else sending.masker.masked(parse_body(body, response, sending.call)),
        request=sending.told() if request.output == "response" else None,
    )


def _no_token(response: httpx.Response, body: JsonValue, call: CallDescription) -> ServiceError:
    status, why = response.status_code, token_error(body)
    code = refusal_code(status)
    final = code not in {FailureCode.SERVICE_RATE_LIMITED, FailureCode.SERVICE_UNAVAILABLE}
    return call.failed(
        FailureCode.SERVICE_AUTH if final else code,
        f"no token: {status} {why}".rstrip(),
        status=status,
        wait=retry_after(response.headers),
    )


def _refusal(response: httpx.Response, call: CallDescription) -> Exception:
    status = response.status_code
    wait = retry_after(response.headers)
    why = f"{status} {httpx.codes.get_reason_phrase(status)}".rstrip()
    error = call.failed(refusal_code(status), why, status=status, wait=wait)
    error.in_doubt = is_in_doubt(status)
    return error
