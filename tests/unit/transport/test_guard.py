"""The SSRF guard on the aiohttp transport, each of its layers alone: URL, names, socket, peer."""

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from ssrfguard import Policy, SSRFGuardError

from tests.unit.guarded_http.loopback import Names
from tests.unit.guarded_http.test_url_guard import INSIDE
from tests.unit.transport import faults
from tests.unit.transport.faults import LOOPBACK, site
from towpath.config.connections import ANY_PORT
from towpath.integrations.http.guarded_http import PRIVATE_NETWORKS
from towpath.outside.guarded_transport import GuardedConnector, GuardedTransport, judged_socket
from towpath.outside.tls import tls_context
from towpath.outside.transport import AiohttpTransport, Connector

HOST = "api.example.com"
PATIENT = httpx.Timeout(10.0)
PUBLIC = "93.184.216.34"


def policy(*, private: bool = False, hosts: frozenset[str] = frozenset()) -> Policy:
    return Policy(
        allowed_schemes=frozenset({"http", "https"}),
        allowed_hosts=hosts,
        allowed_ports=ANY_PORT,
        allowed_networks=PRIVATE_NETWORKS if private else (),
    )


def guarded(names: Callable[..., Any], judged: Policy) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=GuardedTransport(judged, tls_context(), names), timeout=PATIENT)


class Liar(AbstractResolver):
    """Gives an address that nobody has judged."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=LOOPBACK, port=port, family=family or socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE.keys())
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """Whatever the wrapping, and before a socket is made."""
    async with guarded(Names({HOST: [[address]]}), policy()) as http:
        with pytest.raises(SSRFGuardError):
            await http.post(f"https://{HOST}/")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "169.254.169.254", "10.0.0.1"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[fd00:ec2::254]", "0"),
        *("①②⑦.0.0.1", "127.0.0.1.", "2130706433.", "localhost", "localhost."),
    ],
)
async def test_addresses_in_any_spelling_are_refused(host: str) -> None:
    """Without a connection, even if the look-up of such a host led to loopback."""
    spellings = ("localhost", "localhost.", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0")
    names = Names({name: [[LOOPBACK]] for name in (*spellings, LOOPBACK, "127.0.0.1.", "2130706433.")})
    async with site(faults.answers) as found, guarded(names, policy()) as http:
        with pytest.raises((SSRFGuardError, httpx.InvalidURL, httpx.ConnectError)):
            await http.post(f"http://{host}:{found.port}/")
    assert found.visits == 0


@pytest.mark.parametrize("mixed", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::ffff:127.0.0.1"]])
async def test_a_name_with_one_address_inside_is_refused(mixed: list[str]) -> None:
    """The public address beside it does not help."""
    names = Names({HOST: [mixed]})

    async with guarded(names, policy()) as http:
        with pytest.raises(SSRFGuardError):
            await http.post(f"https://{HOST}/")
    assert names.lookups == [HOST]


@pytest.mark.parametrize("spelling", [HOST, HOST.upper(), f"{HOST}."])
async def test_a_name_that_moves_between_check_and_use_gains_nothing(spelling: str) -> None:
    """There is one look-up a connection. The first answer is judged and connected to, the next one is judged anew."""
    moved = Names({name: [[LOOPBACK], ["169.254.169.254"], [LOOPBACK]] for name in (HOST, f"{HOST}.")})

    async with site(faults.answer_then_close) as found, guarded(moved, policy(private=True)) as http:
        url = f"http://{spelling}:{found.port}/"
        assert (await http.post(url)).text == "ok"
        await found.told()
        with pytest.raises(SSRFGuardError):
            await http.post(url)
        assert (await http.post(url)).text == "ok"

    assert len(moved.lookups) == 3
    assert found.visits == 2


async def test_a_kept_connection_is_not_looked_up_again() -> None:
    """It leads where it led."""
    names = Names({HOST: [[LOOPBACK]]})

    async with site(faults.answers) as found, guarded(names, policy(private=True)) as http:
        for _ in range(3):
            await http.post(f"http://{HOST}:{found.port}/")

    assert (len(names.lookups), found.visits, found.whole) == (1, 1, 3)


async def test_the_next_address_is_tried() -> None:
    """A name with an address where nothing listens is still reached by its other one."""
    names = Names({HOST: [["127.0.0.9", LOOPBACK]]})

    async with site(faults.answers) as found, guarded(names, policy(private=True)) as http:
        assert (await http.post(f"http://{HOST}:{found.port}/")).text == "ok"


async def test_a_host_outside_of_the_list_is_not_looked_up() -> None:
    """A policy that names hosts is held to before the look-up."""
    names = Names({HOST: [[PUBLIC]]})

    async with guarded(names, policy(hosts=frozenset({"other.example"}))) as http:
        with pytest.raises(SSRFGuardError):
            await http.post(f"https://{HOST}/")
    assert names.lookups == []


@pytest.mark.parametrize("layer", ["socket", "peer"])
async def test_each_layer_refuses_by_itself(layer: str) -> None:
    """An address that came past the judgement of names is refused when its socket is made, or when it is to be used."""
    judged = policy()

    def connector() -> Connector:
        if layer == "socket":
            return Connector(resolver=Liar(), socket_factory=partial(judged_socket, judged), use_dns_cache=False)
        return GuardedConnector(judged, resolver=Liar(), use_dns_cache=False)

    async with (
        site(faults.answers) as found,
        httpx.AsyncClient(transport=AiohttpTransport(connector), timeout=PATIENT) as http,
    ):
        with pytest.raises(SSRFGuardError):
            await http.post(f"http://{HOST}:{found.port}/")
    assert found.whole == 0


async def test_a_look_up_that_hangs_can_be_given_up() -> None:
    """The thread that waits for a name does not hold the call."""
    go_on = threading.Event()

    def hangs(*_: Any) -> list[Any]:
        go_on.wait(30)
        raise socket.gaierror(socket.EAI_NONAME, "unknown name")

    async with guarded(hangs, policy()) as http:
        with pytest.raises(httpx.ConnectTimeout):
            await http.post(f"https://{HOST}/", timeout=httpx.Timeout(10.0, connect=0.2))
        call = asyncio.create_task(http.post(f"https://{HOST}/"))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait_for(asyncio.wait([call]), 5)
        go_on.set()
    assert call.cancelled()
