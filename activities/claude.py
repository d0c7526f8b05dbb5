"""The activity `ask`: one question to Claude, with heartbeats, a budget check, and an account of what it used."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError
from temporalio import activity

from activities.quota import Quotas, Spent
from towpath.contracts.core.claude import Answer, AskRequest, Budget, Provenance, StopReason, Usage
from towpath.contracts.core.failure import BudgetError, ClaudeError, FailureCode
from towpath.contracts.core.quota import CLAUDE_PLACE
from towpath.contracts.core.wire import Wire

if TYPE_CHECKING:
    from towpath.integrations.claude.client import ClaudeClient, ClaudeReply
    from towpath.integrations.claude.prices import Prices

CHARACTERS_PER_TOKEN = 3
"""A cautious estimate for the budget check: English has about four, Korean about two."""
TOKENS_PER_SEARCH = 10_000
"""What one web search may bring into the conversation."""
HEARTBEAT_SECONDS = 1.0
DEADLINE_MARGIN = timedelta(seconds=2)
ENDINGS = {"stop_sequence": StopReason.END_TURN}
UNUSED = frozenset(
    {
        FailureCode.CLAUDE_RATE_LIMITED,
        FailureCode.CLAUDE_SPEND_LIMIT,
        FailureCode.CLAUDE_OVERLOADED,
        FailureCode.CLAUDE_INVALID_REQUEST,
        FailureCode.CLAUDE_AUTH,
        FailureCode.CLAUDE_BILLING,
        FailureCode.CLAUDE_PERMISSION,
        FailureCode.CLAUDE_MODEL_NOT_FOUND,
    }
)
"""Refusals before an answer began: no token was used."""


class AnswerProgress(Wire):
    """Heartbeat details: what came in so far, and what earlier attempts used up."""

    phase: str = "request"
    characters: int = 0
    spent: Usage | None = None


class ClaudeActivities:
    """`quotas` may hold the tokens that Claude takes in a minute."""

    def __init__(self, claude: "ClaudeClient", prices: "Prices", quotas: Quotas | None = None) -> None:
        self._client = claude
        self._prices = prices
        self._quotas = quotas

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        """Raises ClaudeError, BudgetError, and QuotaError when the tokens of this minute are used: nothing was sent. A
        cancellation closes the stream and passes.
        """
        quota = None if self._quotas is None else self._quotas.quotas.get(CLAUDE_PLACE)
        if quota is None or self._quotas is None:
            return await self._asked(request)
        used = Spent()
        async with self._quotas.held(quota, sum(self._most_tokens(request)), used):
            try:
                answer = await self._asked(request)
            except ClaudeError as error:
                lost = _lost(error)
                used.tokens = 0 if error.code in UNUSED else None if lost is None else _total(lost)
                raise
            used.tokens = _total(answer.usage)
            return answer

    async def _asked(self, request: AskRequest) -> Answer:
        info, begun = activity.info(), time.monotonic()
        progress = _earlier_progress()
        spent_before = progress.spent
        self._check_budget(request, spent_before)
        async with _heartbeats(progress) as tell:
            try:
                seconds = _deadline(info).total_seconds()
                reply = await self._client.ask(request, attempt=info.attempt, progress=tell, seconds=seconds)
                self._count(reply)
                return self._answer(request, reply, spent_before)
            except ClaudeError as error:
                spent = _sum(spent_before, _lost(error))
                activity.heartbeat(AnswerProgress(phase="failed", spent=spent))
                took = timedelta(seconds=time.monotonic() - begun)
                raise _give_up_if_too_late(_with_spending(error, spent), info, took) from error

    def _check_budget(self, request: AskRequest, spent: Usage | None) -> None:
        """Refuse a call whose worst case is not covered: what earlier attempts used counts, and so do searches.

        Without a price only the tokens are checked.
        """
        left = request.budget_left
        if left is None:
            return
        asked = self._client.weigh(request)
        input_tokens, max_tokens = self._most_tokens(request)
        if spent is not None:
            input_tokens, max_tokens = input_tokens + spent.input_tokens, max_tokens + spent.output_tokens
        worst = self._prices.worst_case_usd(asked.model, input_tokens, max_tokens, asked.searches)
        if input_tokens + max_tokens > left.tokens or (worst is not None and worst > left.usd):
            raise _over_budget(left, input_tokens + max_tokens)

    def _most_tokens(self, request: AskRequest) -> tuple[int, int]:
        """What a call may read and write at most, by a cautious estimate."""
        asked = self._client.weigh(request)
        read = (len(request.model_dump_json()) + asked.characters) // CHARACTERS_PER_TOKEN
        return read + asked.searches * TOKENS_PER_SEARCH, asked.max_tokens

    def _answer(self, request: AskRequest, reply: "ClaudeReply", spent_before: Usage | None) -> Answer:
        return Answer(
            text=reply.text,
            stop_reason=_ending(reply),
            usage=reply.usage,
            cost_usd=self._prices.cost_usd(reply.model, reply.usage),
            spent_before=spent_before,
            provenance=Provenance(
                model=reply.model,
                request_id=reply.request_id,
                prompt=request.prompt,
                prompt_digest=reply.prompt_digest,
            ),
            web_search=reply.searched,
            blocks=reply.blocks,
        )

    def _count(self, reply: "ClaudeReply") -> None:
        meter = activity.metric_meter().with_additional_attributes({"model": reply.model})
        meter.create_counter("towpath_claude_calls", "calls of Claude that were answered").add(1)
        tokens = meter.create_counter("towpath_claude_tokens", "tokens used, by kind", "tokens")
        tokens.add(reply.usage.input_tokens, {"kind": "input"})
        tokens.add(reply.usage.output_tokens, {"kind": "output"})


def _earlier_progress() -> AnswerProgress:
    """What the attempt before this one last told. Details of an older shape tell nothing."""
    details = activity.info().heartbeat_details
    if not details:
        return AnswerProgress()
    try:
        return AnswerProgress.model_validate(details[0])
    except ValidationError:
        return AnswerProgress()


@asynccontextmanager
async def _heartbeats(before: AnswerProgress) -> AsyncGenerator[Callable[[int], None]]:
    """A heartbeat a second, by the clock: thinking and pings bring no events to hang them on.

    A cancellation arrives with the answer to a heartbeat, so the interval is also how long a cancelled call goes on.
    """
    received = 0

    def tell(characters: int) -> None:
        nonlocal received
        received = characters

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            phase = "stream" if received else "request"
            activity.heartbeat(AnswerProgress(phase=phase, characters=received, spent=before.spent))

    beating = asyncio.create_task(beat())
    try:
        yield tell
    finally:
        beating.cancel()


def _deadline(info: activity.Info) -> timedelta:
    """A little before Temporal's own time-out, so that the failure is ours and says why."""
    allowed = info.start_to_close_timeout or timedelta(minutes=5)
    return max(allowed - DEADLINE_MARGIN, allowed / 2)


def _give_up_if_too_late(error: ClaudeError, info: activity.Info, took: timedelta) -> ClaudeError:
    """A wait that outlasts the step is not begun: the failure is final now.

    Both moments are by Temporal's clock, and this attempt adds what it `took`: the worker's clock may be wrong.
    """
    if error.retry_after is None or info.schedule_to_close_timeout is None:
        return error
    left = info.scheduled_time + info.schedule_to_close_timeout - info.started_time - took
    asked = error.evidence.get("asked_to_wait_seconds")
    wait = max(error.retry_after, timedelta(seconds=float(asked or 0)))
    if wait < left:
        return error
    evidence = {**error.evidence, "retry_after_seconds": wait.total_seconds()}
    return ClaudeError(error.code, f"{error.message}; the wait it asks for is too long", evidence=evidence, final=True)


def _with_spending(error: ClaudeError, spent: Usage | None) -> ClaudeError:
    """The same failure with what all attempts so far have used: it is billed, so the run is charged for it."""
    if spent is None:
        return error
    evidence = {
        **error.evidence,
        "spent_input_tokens": spent.input_tokens,
        "spent_output_tokens": spent.output_tokens,
    }
    return ClaudeError(error.code, error.message, retry_after=error.retry_after, evidence=evidence, final=error.final)


def _ending(reply: "ClaudeReply") -> StopReason:
    """Raises ClaudeError for an ending that no request of ours asks for."""
    known = ENDINGS.get(reply.stop_reason)
    if known is not None:
        return known
    try:
        return StopReason(reply.stop_reason)
    except ValueError:
        evidence: dict[str, str | int | float | None] = {
            "stop_reason": reply.stop_reason[:60],
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
        }
        message = "the answer ended in a way that was not asked for"
        raise ClaudeError(FailureCode.CLAUDE_BAD_RESPONSE, message, evidence=evidence) from None


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _lost(error: ClaudeError) -> Usage | None:
    """What a failed call had used when it broke."""
    used_input, used_output = error.evidence.get("input_tokens"), error.evidence.get("output_tokens")
    if isinstance(used_input, int) and isinstance(used_output, int):
        return Usage(input_tokens=used_input, output_tokens=used_output)
    return None


def _sum(first: Usage | None, second: Usage | None) -> Usage | None:
    return second if first is None else first if second is None else first.plus(second)


def _over_budget(left: Budget, tokens: int) -> BudgetError:
    return BudgetError(
        FailureCode.BUDGET_EXCEEDED,
        "the run's budget does not cover the worst case of this call",
        evidence={"tokens_wanted": tokens, "tokens_left": left.tokens, "usd_left": float(left.usd)},
    )
