"""A proxy in front of Temporal that can hold a worker's report of a completion: before the server has it, or after.

It forwards every call as bytes. A report belongs to a run when its task token names the run, or a child of it.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, TypeAlias, cast

import grpc
import httpx
import uvicorn
from grpc import aio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towpath.local.processes import spawn
from towpath.local.server import LOOPBACK, free_port
from towpath.local.stack import ROOT, answers, python

REPORTS = frozenset(
    f"/temporal.api.workflowservice.v1.WorkflowService/{name}"
    for name in (
        "RespondWorkflowTaskCompleted",
        "RespondActivityTaskCompleted",
        "RespondActivityTaskFailed",
        "RespondActivityTaskCanceled",
        "RecordActivityTaskHeartbeat",
    )
)
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
READY_SECONDS = 20
Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"


@dataclass(frozen=True)
class Point:
    """The number of a run's report, from 1, and whether the server has it when the worker is held."""

    number: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} report {self.number}"


@dataclass
class Reports:
    """Reports of the runs that are watched, counted by workflow id; a point holds the one report for good."""

    points: dict[str, Point | None] = field(default_factory=dict[str, "Point | None"])
    counts: Counter[str] = field(default_factory=Counter[str])
    reached: set[str] = field(default_factory=set[str])

    def routes(self) -> Sequence[Route]:
        return (Route("/watch", self._watch, methods=["POST"]), Route("/reports", self._tell))

    async def _watch(self, request: Request) -> Response:
        wanted = await request.json()
        self.points[wanted["workflow_id"]] = Point(**wanted["point"]) if wanted["point"] else None
        return Response(status_code=204)

    async def _tell(self, _: Request) -> Response:
        return JSONResponse({"counts": self.counts, "reached": sorted(self.reached)})

    async def pass_on(self, upstream: aio.Channel, method: str, request: bytes, context: Context) -> bytes:
        run, point = self._counted(method, request)
        if point is not None and not point.after:
            await self._hold(run)
        answer = await _forward(upstream, method, request, context)
        if point is not None:
            await self._hold(run)
        return answer

    def _counted(self, method: str, request: bytes) -> tuple[str, Point | None]:
        """The run whose report this is, and the point if it is one."""
        run = next((name for name in self.points if name.encode() in request), "") if method in REPORTS else ""
        self.counts[run] += bool(run)
        point = self.points.get(run)
        return run, point if point is not None and self.counts[run] == point.number else None

    async def _hold(self, run: str) -> None:
        self.reached.add(run)
        await asyncio.Event().wait()


async def _forward(upstream: aio.Channel, method: str, request: bytes, context: Context) -> bytes:
    call = cast("Callable[..., Awaitable[bytes]]", upstream.unary_unary(method))
    own = [pair for pair in context.invocation_metadata() or () if not pair[0].startswith(("grpc-", "user-agent"))]
    try:
        return await call(request, metadata=tuple(own), timeout=context.time_remaining())
    except aio.AioRpcError as error:
        trailing = tuple(error.trailing_metadata() or ())
        abort = cast("Callable[..., Awaitable[NoReturn]]", context.abort)
        return await abort(error.code(), error.details() or "", trailing)


class _EveryMethod(grpc.GenericRpcHandler):
    def __init__(self, reports: Reports, upstream: aio.Channel) -> None:
        self._reports, self._upstream = reports, upstream

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method

        async def handle(request: bytes, context: Context) -> bytes:
            return await self._reports.pass_on(self._upstream, method, request, context)

        make = cast("Callable[[object], object]", grpc.unary_unary_rpc_method_handler)
        return make(handle)


async def serve(server: str, port: int, control: int) -> None:
    """Until the process is ended: the proxy on one port, its control on another."""
    reports = Reports()
    async with aio.insecure_channel(server, options=OPTIONS) as upstream:
        listening = aio.server(options=OPTIONS)
        listening.add_insecure_port(f"{LOOPBACK}:{port}")
        listening.add_generic_rpc_handlers((_EveryMethod(reports, upstream),))
        await listening.start()
        app = Starlette(routes=reports.routes())
        await uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=control, log_level="warning")).serve()
        await listening.stop(grace=None)


@dataclass(frozen=True)
class TemporalProxy:
    """The proxy as a process of its own: gRPC's threads do not bear the forks of a test."""

    address: str
    control: httpx.AsyncClient

    async def watch(self, workflow_id: str, point: Point | None = None) -> None:
        """Count the run's reports from now on, and hold it at the point."""
        body = {"workflow_id": workflow_id, "point": None if point is None else asdict(point)}
        (await self.control.post("/watch", json=body)).raise_for_status()

    async def counts(self) -> Mapping[str, int]:
        return (await self.control.get("/reports")).json()["counts"]

    async def reached(self) -> set[str]:
        """The runs that are held."""
        return set((await self.control.get("/reports")).json()["reached"])


@asynccontextmanager
async def temporal_proxy(server: str) -> AsyncGenerator[TemporalProxy]:
    """On a free port, in front of the server at this address."""
    port, control = free_port(), free_port()
    line = python("-m", "tests.fakes.temporal_proxy", server, str(port), str(control))
    url = f"http://{LOOPBACK}:{control}"
    async with (
        spawn("proxy", line, env={"PYTHONPATH": str(ROOT)}) as child,
        httpx.AsyncClient(base_url=url) as http,
    ):
        await child.ready(answers(f"{url}/reports"), READY_SECONDS)
        yield TemporalProxy(f"{LOOPBACK}:{port}", http)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
