"""The SSRF guard on the aiohttp transport: what ssrfguard has judged is what is connected to, and nothing else.

A URL is judged before the look-up; a name is looked up once, and every address of it has to pass; each socket is judged
when it is made and its peer when it is used. A redirect is a request of its own to this transport.
"""

import socket
import ssl
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any

import anyio
import anyio.to_thread
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from ssrfguard import Address, BlockedURLError, Policy, Resolver, Target, resolve

from towpath.outside.transport import KEEP_ALIVE_SECONDS, AiohttpTransport, Connector

MAX_CONNECTIONS = 100
MAX_LOOK_UPS = 100
"""At once, for one transport: a look-up can be held up by the one who owns the name."""


class GuardedTransport(AiohttpTransport):
    """Raises SSRFGuardError for what the policy does not let through; nothing has been sent then.

    `resolver` stands in for `socket.getaddrinfo`. It grants nothing: its answers are judged.
    """

    def __init__(self, policy: Policy, tls: ssl.SSLContext, resolver: Resolver | None = None) -> None:
        super().__init__(partial(_connector, policy, tls, resolver), MAX_CONNECTIONS)
        self._policy = policy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._policy.check_url(str(request.url))
        return await super().handle_async_request(request)


def _connector(policy: Policy, tls: ssl.SSLContext, resolver: Resolver | None) -> "GuardedConnector":
    return GuardedConnector(
        policy,
        ssl=tls,
        resolver=JudgedNames(policy, resolver),
        socket_factory=partial(judged_socket, policy),
        use_dns_cache=False,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        limit=0,
    )


class GuardedConnector(Connector):
    """A connection whose peer the policy does not let through is closed before a byte of the request."""

    def __init__(self, policy: Policy, **options: Any) -> None:
        super().__init__(**options)
        self._policy = policy

    def admit(self, connection: Connection) -> None:
        transport = connection.transport
        peer = None if transport is None else transport.get_extra_info("peername")
        if peer is not None:
            self._policy.check_address(str(peer[0]))


class JudgedNames(AbstractResolver):
    """One look-up a connection, off the loop. A name with one address that is refused is refused."""

    def __init__(self, policy: Policy, resolver: Resolver | None) -> None:
        self._policy = policy
        self._resolver = resolver
        self._turns = anyio.CapacityLimiter(MAX_LOOK_UPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        if port not in self._policy.allowed_ports:
            raise BlockedURLError(f"tcp://{port}", "its port is not allowed")
        self._policy.check_host(host)
        target = Target(scheme="tcp", host=host, port=port, host_as_written=host, address=None)
        look_up: Callable[[], tuple[Address, ...]] = partial(
            resolve, target, policy=self._policy, resolver=self._resolver
        )
        found = await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=self._turns)
        return [_result(host, address) for address in found[: self._policy.max_connection_attempts]]

    async def close(self) -> None:
        """Nothing is held."""


def _result(host: str, address: Address) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address.sockaddr[0]),
        port=address.port,
        family=address.family,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def judged_socket(policy: Policy, info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
    family, kind, protocol, _, place = info
    policy.check_address(ip_address(str(place[0])))
    return socket.socket(family, kind, protocol)
