"""Queries that nobody answered are sent again, within the limit that the caller gave."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.client import OutboundInterceptor, QueryWorkflowInput
from temporalio.service import RPCError, RPCStatusCode

from towpath.control.again import SentAgain

ASKED = QueryWorkflowInput(
    id="run",
    run_id=None,
    query="status",
    args=(),
    reject_condition=None,
    headers={},
    ret_type=None,
    rpc_metadata={},
    rpc_timeout=None,
)


class Server(OutboundInterceptor):
    """Fails with these codes in turn, then answers; `limits` are those that it was asked with, in seconds."""

    def __init__(self, *codes: RPCStatusCode) -> None:
        super().__init__(cast("OutboundInterceptor", None))
        self.codes = list(codes)
        self.limits: list[float | None] = []

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        self.limits.append(None if input.rpc_timeout is None else input.rpc_timeout.total_seconds())
        if self.codes:
            raise RPCError("lost", self.codes.pop(0), b"")
        return "answer"


async def ask(server: Server, seconds: float | None) -> Any:
    limit = None if seconds is None else timedelta(seconds=seconds)
    return await SentAgain().intercept_client(server).query_workflow(replace(ASKED, rpc_timeout=limit))


@pytest.mark.parametrize("code", [RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED])
@pytest.mark.parametrize(
    ("seconds", "limits"), [(10, [4, 4, 2]), (5, [4, 1]), (None, [4, 4, None])], ids=["long", "short", "unlimited"]
)
async def test_lost_query_is_sent_again(code: RPCStatusCode, seconds: float | None, limits: list[float | None]) -> None:
    """As often as the limit allows, and together no longer than it."""
    server = Server(*[code] * (len(limits) - 1))

    assert await ask(server, seconds) == "answer"
    assert server.limits == limits


async def test_query_that_nobody_answers_is_told() -> None:
    """The last one's error is the caller's."""
    server = Server(*[RPCStatusCode.DEADLINE_EXCEEDED] * 5)
    with pytest.raises(RPCError):
        await ask(server, 10)

    assert server.limits == [4, 4, 2]


@pytest.mark.parametrize(("code", "seconds"), [(RPCStatusCode.NOT_FOUND, 10), (RPCStatusCode.CANCELLED, 3)])
async def test_other_refusals_and_short_limits_are_final(code: RPCStatusCode, seconds: float) -> None:
    """What was refused is not asked again, nor what was to be answered at once."""
    server = Server(code)
    with pytest.raises(RPCError):
        await ask(server, seconds)

    assert len(server.limits) == 1
