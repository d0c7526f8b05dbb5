"""What the activity adds to a call of Claude: the budget before it, spending after it, and when waiting is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.claude import ClaudeActivities
from towpath.contracts.core.claude import AskRequest, Budget, Usage
from towpath.contracts.core.failure import BudgetError, ClaudeError, FailureCode
from towpath.integrations.claude.client import ClaudeReply, RequestWeight
from towpath.integrations.claude.prices import Prices

MODEL = "claude-sonnet-5-5"


class FakeClient:
    """Weighs and answers as it is told."""

    def __init__(self, reply: ClaudeReply | ClaudeError, searches: int = 0) -> None:
        self._reply = reply
        self._searches = searches

    def weigh(self, request: AskRequest) -> RequestWeight:
        return RequestWeight(MODEL, request.max_tokens or 1_000, 400, self._searches)

    async def ask(self, _: AskRequest, **__: Any) -> ClaudeReply:
        if isinstance(self._reply, ClaudeError):
            raise self._reply
        return self._reply


def reply(stop_reason: str = "end_turn") -> ClaudeReply:
    usage = Usage(input_tokens=10, output_tokens=7)
    return ClaudeReply(
        text="{}",
        stop_reason=stop_reason,
        model=MODEL,
        request_id="req_1",
        usage=usage,
        searched=False,
        prompt_digest="0" * 16,
        blocks=[],
    )


def request(tokens: int) -> AskRequest:
    left = Budget(usd=Decimal(5), tokens=tokens)
    return AskRequest(prompt="research-company", input={"company": "Hanbit"}, budget_left=left)


async def ask(
    client: Any, given: AskRequest, *, spent: Usage | None = None, ahead: timedelta = timedelta(), after: int = 0
) -> Any:
    """One attempt, `after` so many seconds of its step, on a worker whose clock is `ahead` of Temporal's."""
    environment = ActivityEnvironment()
    details = [] if spent is None else [{"phase": "failed", "spent": spent.model_dump(mode="json")}]
    started = datetime.now(UTC) - ahead
    environment.info = replace(
        environment.info,
        heartbeat_details=details,
        scheduled_time=started - timedelta(seconds=after),
        started_time=started,
        schedule_to_close_timeout=timedelta(minutes=30),
    )
    return await environment.run(ClaudeActivities(client, Prices()).ask, given)


@pytest.mark.parametrize(
    ("tokens", "searches", "spent"),
    [
        pytest.param(500, 0, None, id="the-call-alone"),
        pytest.param(3_000, 0, Usage(input_tokens=1_500, output_tokens=900), id="earlier-attempts"),
        pytest.param(3_000, 5, None, id="searches"),
    ],
)
async def test_budget_covers_the_worst_case(tokens: int, searches: int, spent: Usage | None) -> None:
    """What the call may use, what earlier attempts used, and what searches bring in: all count before it is made."""
    with pytest.raises(BudgetError) as refused:
        await ask(FakeClient(reply(), searches), request(tokens), spent=spent)

    assert refused.value.code is FailureCode.BUDGET_EXCEEDED
    assert (await ask(FakeClient(reply()), request(50_000))).text == "{}"


async def test_unknown_ending_is_a_failure_that_was_billed() -> None:
    """A stop reason of a later API is no crash, and its tokens are known."""
    with pytest.raises(ClaudeError) as refused:
        await ask(FakeClient(reply("something_new")), request(50_000))

    assert refused.value.code is FailureCode.CLAUDE_BAD_RESPONSE
    assert refused.value.evidence["spent_output_tokens"] == 7


@pytest.mark.parametrize(
    ("seconds", "after", "retryable"),
    [
        pytest.param(60, 0, True, id="in-time"),
        pytest.param(3_000, 0, False, id="too-long"),
        pytest.param(60, 1_750, False, id="too-late"),
    ],
)
@pytest.mark.parametrize("ahead", [timedelta(), timedelta(hours=1), timedelta(hours=-1)], ids=["right", "fast", "slow"])
async def test_a_wait_that_outlasts_the_step_is_not_begun(
    seconds: int, after: int, retryable: bool, ahead: timedelta
) -> None:
    """Asked to wait for longer than is left of a 30-minute step, it gives up now; a wrong clock changes nothing."""
    limited = ClaudeError(
        FailureCode.CLAUDE_RATE_LIMITED,
        "later",
        retry_after=timedelta(seconds=min(seconds, 900)),
        evidence={"asked_to_wait_seconds": float(seconds)},
    )
    with pytest.raises(ClaudeError) as refused:
        await ask(FakeClient(limited), request(50_000), ahead=ahead, after=after)

    assert refused.value.retryable is retryable
