"""A proxy in front of Temporal that can hold a worker's report of a completion: before the server has it, or after.

It forwards every call as bytes. A report belongs to a run when its task token names the run, or a child of it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, cast

import grpc
from grpc import aio

from towpath.local.server import LOOPBACK

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
Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"


@dataclass
class Point:
    """The number of a run's report, from 1, and whether the server has it when the worker is held."""

    number: int
    after: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} report {self.number}"


@dataclass
class TemporalProxy:
    """`watch` first the runs whose reports are counted; a point holds the one report for good."""

    address: str
    points: dict[str, Point | None] = field(default_factory=dict[str, "Point | None"])
    counts: Counter[str] = field(default_factory=Counter[str])

    def watch(self, workflow_id: str, point: Point | None = None) -> None:
        self.points[workflow_id] = point

    def _held(self, method: str, request: bytes) -> Point | None:
        """The point that this report is, if it is one."""
        if method not in REPORTS:
            return None
        for workflow_id, point in self.points.items():
            if workflow_id.encode() in request:
                self.counts[workflow_id] += 1
                return point if point is not None and self.counts[workflow_id] == point.number else None
        return None

    async def pass_on(self, upstream: aio.Channel, method: str, request: bytes, context: Context) -> bytes:
        point = self._held(method, request)
        if point is not None and not point.after:
            await _hold(point)
        answer = await _forward(upstream, method, request, context)
        if point is not None:
            await _hold(point)
        return answer


async def _hold(point: Point) -> None:
    point.reached.set()
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
    def __init__(self, proxy: TemporalProxy, upstream: aio.Channel) -> None:
        self._proxy, self._upstream = proxy, upstream

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method

        async def handle(request: bytes, context: Context) -> bytes:
            return await self._proxy.pass_on(self._upstream, method, request, context)

        make = cast("Callable[[object], object]", grpc.unary_unary_rpc_method_handler)
        return make(handle)


@asynccontextmanager
async def temporal_proxy(server: str) -> AsyncGenerator[TemporalProxy]:
    """On a free port, in front of the server at this address."""
    async with aio.insecure_channel(server, options=OPTIONS) as upstream:
        listening = aio.server(options=OPTIONS)
        port = listening.add_insecure_port(f"{LOOPBACK}:0")
        proxy = TemporalProxy(f"{LOOPBACK}:{port}")
        listening.add_generic_rpc_handlers((_EveryMethod(proxy, upstream),))
        await listening.start()
        try:
            yield proxy
        finally:
            await listening.stop(grace=None)
