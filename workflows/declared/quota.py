"""The record of one place with limits: who may go, who waits, and what was used in the last minute."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from towpath.contracts.core.quota import (
    LEAVE_LINE,
    QUOTA,
    YOUR_TURN,
    LinePlace,
    LineRecord,
    TurnAnswers,
    TurnEnded,
    TurnQuestion,
    TurnQuestions,
    TurnRequest,
    in_words,
)
from towpath.policy.core.turns import WaitingLine

SOON = timedelta(milliseconds=10)


@workflow.defn(name=QUOTA)
class QuotaWorkflow:
    """One for each place. It lives as long as the place is called, and continues as new when it grows."""

    @workflow.init
    def __init__(self, record: LineRecord) -> None:
        self._line = WaitingLine(record)
        self._untold: list[TurnRequest] = []
        self._changed = False

    @workflow.run
    async def run(self, record: LineRecord) -> None:
        workflow.set_current_details(f"Turns at {in_words(record.place)}: query `line`.")
        while not self._is_long():
            left = self._line.next_change(workflow.now())
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._changed or bool(self._untold) or self._is_long(),
                    timeout=None if left is None else left + SOON,
                    timeout_summary="until a turn may be free",
                )
            self._changed = False
            self._settle(workflow.now())
            await self._tell()
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._tell()
        workflow.continue_as_new(self._line.record)

    @workflow.update(name="ask")
    async def ask(self, asked: TurnQuestions) -> TurnAnswers:
        """What is asked twice has one answer: a call keeps its place in line, and its turn."""
        now = workflow.now()
        calls = [question.request.call for question in asked.questions]
        taken = [self._do(question, now) for question in asked.questions]
        self._settle(now, frozenset(calls))
        self._changed = True
        return TurnAnswers(places=tuple(map(self._place, asked.questions, taken)))

    @workflow.signal(name=LEAVE_LINE)
    def leave_line(self, ended: TurnEnded) -> None:
        """The call is not wanted any more."""
        self._leave(ended)

    @workflow.query(name="line")
    def line(self) -> LineRecord:
        return self._line.record

    def _do(self, question: TurnQuestion, now: datetime) -> bool:
        match question.verb:
            case "join":
                self._line.join(question.request, now)
            case "take":
                return self._line.take(question.request, now)
            case "leave":
                over = question.request
                self._line.leave(TurnEnded(call=over.call, tokens=question.used, attempt=over.attempt), now)
        return False

    def _place(self, question: TurnQuestion, taken: bool) -> LinePlace:
        call = question.request.call
        granted = self._line.is_held(call) if question.verb == "join" else taken
        return LinePlace(granted=granted, ahead=0 if granted else self._line.ahead(call))

    def _leave(self, ended: TurnEnded) -> None:
        now = workflow.now()
        self._line.leave(ended, now)
        self._settle(now)
        self._changed = True

    def _settle(self, now: datetime, answered: frozenset[str] = frozenset()) -> None:
        """Those who ask just now hear it in their answer."""
        self._untold += [turn for turn in self._line.settle(now) if turn.call not in answered]

    async def _tell(self) -> None:
        """Say to each run whose turn it is. One that is gone gives its turn back."""
        told, self._untold = self._untold, []
        await asyncio.gather(*(asyncio.ensure_future(self._say(turn)) for turn in told))

    async def _say(self, turn: TurnRequest) -> None:
        run = workflow.get_external_workflow_handle(turn.workflow_id, run_id=turn.run_id)
        try:
            await run.signal(YOUR_TURN, turn.call)
        except FailureError:
            self._leave(TurnEnded(call=turn.call, tokens=0))

    def _is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()
