"""The real thing on loopback: a Temporal server on a database file, the stand-ins, and worker.py as a process."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.caching import CACHE
from tests.replaying import StartsSeen, Watch, check_all, watched
from tests.sealing import SEALING
from towpath.contracts.onboarding.customer import Customer, CustomerPlan, OnboardingRequest
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.control.temporal import Started, converter, interceptors, start
from towpath.integrations.storage.payloads import PayloadStore
from towpath.local.processes import Child
from towpath.local.server import TemporalServer, free_port, temporal_server
from towpath.local.stack import RunningStandIns, stand_ins, worker_process

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class House:
    """Addresses and doors of one running stack."""

    server: TemporalServer
    standins: RunningStandIns
    client: Client
    http: httpx.AsyncClient
    folder: Path
    watch: Watch

    def worker(
        self, env: Mapping[str, str] | None = None, log: Path | None = None, metrics_port: int | None = None
    ) -> AbstractAsyncContextManager[Child]:
        port = metrics_port or free_port()
        own = {**self._stores(), **CACHE.settings(), **SEALING.settings(), **(env or {})}
        self.watch.learn(own)
        return worker_process(self.server, self.standins, metrics_port=port, env=own, log=log)

    def restarted(self) -> AbstractAsyncContextManager[TemporalServer]:
        """The server that was killed, on its database and its port."""
        port = int(self.server.address.rpartition(":")[2])
        return temporal_server(db=self.folder / "temporal.db", port=port)

    async def start(self, customer: Customer) -> Started:
        request = OnboardingRequest(customer=customer)
        return await start(self.client, ONBOARDING, request, workflow_id=ONBOARDING.workflow_id(request, b"test"))

    async def fault(self, **order: Any) -> int:
        answer = await self.http.post("/_standins/faults", json=order)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def hits(self, fault: int) -> int:
        return (await self.http.get("/_standins/faults")).json()["hits"].get(str(fault), 0)

    async def lift(self) -> None:
        await self.http.delete("/_standins/faults")

    async def effects(self) -> dict[str, Any]:
        return (await self.http.get("/_standins/effects")).json()

    def environment(self) -> dict[str, str]:
        return {
            "TEMPORAL_ADDRESS": self.server.address,
            "TOWPATH_CUSTOMER_SALT": "test",
            **SEALING.settings(),
            **self._stores(),
        }

    def _stores(self) -> dict[str, str]:
        stores = ("PAYLOAD", "ARTEFACT", "DATASET")
        scratch = {"TOWPATH_PIPELINE_SCRATCH": str(self.folder / "scratch")}
        return scratch | {f"TOWPATH_{name}_STORE": str(self.folder / f"{name.lower()}s") for name in stores}


def new_customer(**fields: Any) -> Customer:
    key = uuid4().hex[:12]
    given = {"email": f"kim-{key}@hanbit.example", "company": f"Hanbit {key}", "plan": CustomerPlan.BUSINESS} | fields
    return Customer.model_validate({"customer_id": f"test-{key}"} | given)


async def watched_client(server: TemporalServer, folder: Path) -> tuple[Client, Watch]:
    """A client of a server, and the watch over its histories."""
    payloads, starts = folder / "payloads", StartsSeen()
    data_converter = converter(SEALING.codec(), PayloadStore(str(payloads)))
    through = [starts, *interceptors(data_converter)]
    client = await Client.connect(server.address, data_converter=data_converter, interceptors=through)
    watch = Watch(client, folder / "unreplayed", starts, str(payloads))
    watch.learn(SEALING.settings())
    return client, watch


@asynccontextmanager
async def open_house(folder: Path, extra: Sequence[str] = ()) -> AsyncGenerator[House]:
    """Server and stand-ins, without a worker; `extra` are flags of the server. Its histories are replayed at its end,
    and a server that a test killed is started once more for it. Whatever a module does: no key comes with two bodies.
    """
    async with temporal_server(db=folder / "temporal.db", extra=extra) as server, stand_ins() as standins:
        client, watch = await watched_client(server, folder)
        async with (
            httpx.AsyncClient(base_url=standins.url, headers=standins.control) as http,
            AsyncExitStack() as again,
            watched(watch),
        ):
            house = House(server, standins, client, http, folder, watch)
            yield house
            if server.process.process.returncode is not None:
                await again.enter_async_context(house.restarted())
            assert (await house.effects())["key_reused"] == []


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def replayed() -> AsyncIterator[None]:
    """After each test, what it made on a shared server is replayed."""
    yield
    await check_all()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A stack with one worker, shared by a module."""
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder) as opened, opened.worker(log=folder / "worker.log"):
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def bare_house(tmp_path: Path) -> AsyncIterator[House]:
    """A stack of the test's own, whose workers it starts and kills itself."""
    async with open_house(tmp_path) as opened:
        yield opened
