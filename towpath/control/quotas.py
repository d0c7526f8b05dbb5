"""The records of turns at places with limits: each place has one, begun by the first call that asks."""

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from towpath.contracts.core.failure import FailureCode, QuotaError
from towpath.contracts.core.process import HELPER
from towpath.contracts.core.quota import (
    QUOTA,
    LinePlace,
    LineRecord,
    TurnAnswers,
    TurnQuestion,
    TurnQuestions,
    in_words,
)
from towpath.contracts.declared.run import DECLARED
from towpath.control.again import ANSWER_WITHIN
from towpath.temporal.attributes import search_attributes

MOST = 500
"""Questions in one update: Temporal bounds its size."""
Asked = tuple[TurnQuestion, "asyncio.Future[LinePlace]"]


class TurnBook:
    """Asks the records, each by an update that starts it where it is not there yet. One update of a worker is under way
    at a time, with all that is asked meanwhile in the next: a run of Temporal takes ten at once.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: dict[str, list[Asked]] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def ask(self, place: str, question: TurnQuestion) -> LinePlace:
        """Raises QuotaError."""
        answer: asyncio.Future[LinePlace] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(place, []).append((question, answer))
        if place not in self._sending:
            self._sending[place] = asyncio.create_task(self._send(place))
        return await answer

    async def _send(self, place: str) -> None:
        try:
            while asked := self._asked.pop(place, []):
                for first in range(0, len(asked), MOST):
                    await self._answer(place, asked[first : first + MOST])
        finally:
            del self._sending[place]

    async def _answer(self, place: str, asked: Sequence[Asked]) -> None:
        try:
            answers = await self._update(place, TurnQuestions(questions=tuple(question for question, _ in asked)))
        except (RPCError, WorkflowUpdateFailedError):
            message = f"the record of {in_words(place)} does not answer"
            for _, answer in asked:
                if not answer.done():
                    lost = QuotaError(FailureCode.QUOTA_UNAVAILABLE, message, evidence={"place": place}, sent=False)
                    answer.set_exception(lost)
            return
        for (_, answer), found in zip(asked, answers.places, strict=True):
            if not answer.done():
                answer.set_result(found)

    async def _update(self, place: str, questions: TurnQuestions) -> TurnAnswers:
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            QUOTA,
            LineRecord(place=place),
            id=f"{QUOTA}/{place}",
            task_queue=DECLARED,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=search_attributes(HELPER),
            static_summary=f"quota of {in_words(place)}",
        )
        answers: TurnAnswers = await self._client.execute_update_with_start_workflow(
            "ask", questions, start_workflow_operation=start, result_type=TurnAnswers, rpc_timeout=ANSWER_WITHIN
        )
        return answers
