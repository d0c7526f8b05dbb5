"""The people on call: a durable chain of levels beside the rest of the run, until somebody acknowledges."""

import asyncio
from typing import Literal

from temporalio import workflow

from activities.incident import IncidentActivities
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.run import Waiting
from towpath.contracts.core.wire import clip
from towpath.contracts.incident.incident import Acknowledge, Acknowledged, OpenPage, PageChange, PageRequest
from towpath.policy.incident.messages import NoticeEvent, notice, page
from towpath.policy.incident.notices import acknowledged
from workflows.incident.state import IncidentState
from workflows.kit.calling import CallFailedError, call
from workflows.kit.compensation import cancelled
from workflows.kit.options import PAGE

STEP = "notify-oncall"
ROUNDS = 3
"""How often the last level is called, when nobody acknowledges."""


class AcknowledgeRefusedError(HouseError):
    """An acknowledgement does not count."""


class OnCall:
    """Calls one level after the other, each for `acknowledge_within`. Nothing in the run waits for it."""

    def __init__(self, state: IncidentState) -> None:
        self._state = state
        self._steps = state.steps
        review = state.request.review
        self._levels = (review.team, *[review.escalate_to] * ROUNDS)
        self._chain: asyncio.Task[None] | None = None
        self._news = ""

    @property
    def called(self) -> bool:
        return self._state.known.paging.level > 0

    def resume(self) -> None:
        """Go on with the chain of the history before."""
        if self.called and self._chain is None:
            self._chain = asyncio.ensure_future(self._call_levels())

    def begin(self, news: str = "") -> None:
        """Call the first level, unless it was called already."""
        if self._chain is None:
            self._news = news
            self._steps.begin(STEP)
            self._chain = asyncio.ensure_future(self._call_levels())

    def check(self, request: Acknowledge) -> None:
        """Raises AcknowledgeRefusedError."""
        if not request.by.strip():
            raise AcknowledgeRefusedError(FailureCode.STEP_INPUT, "say who acknowledges: by is empty")
        if self._state.closed:
            raise AcknowledgeRefusedError(FailureCode.REVIEW_NOT_OPEN, "this incident has ended")

    def acknowledge(self, request: Acknowledge) -> Acknowledged:
        """Somebody takes the incident: the chain stops. A later one takes it over. Raises AcknowledgeRefusedError."""
        self.check(request)
        paging = self._state.known.paging
        taken = Acknowledged(
            by=clip(request.by.strip(), 100),
            at=workflow.now(),
            level=paging.level,
            note=clip(request.note.strip(), 400),
        )
        self._change(acknowledged=taken, due_at=None)
        self._state.tell(acknowledged(taken))
        return taken

    async def page_again(self, event: str, news: str) -> None:
        """Something got worse: a page of its own, also when somebody has acknowledged."""
        if self._chain is None:
            self.begin(news)
            return
        await self._send(max(self._state.known.paging.level, 1), event, news)

    async def update(self, news: str) -> None:
        """Add what is known now to the latest page that is open."""
        paging = self._state.known.paging
        if paging.pages:
            await self._send(paging.level, str(paging.level), news)

    async def stop(self, *, resolve: bool) -> None:
        """End the chain. With `resolve`, its pages are closed as well."""
        chain = self._chain
        if chain is None:
            self._steps.skip(STEP, "nobody had to be called")
            return
        await cancelled(chain)
        self._steps.wait_in(STEP, ())
        if not resolve:
            return
        await self._change_pages("resolve")

    async def _call_levels(self) -> None:
        while not await self._taken():
            level = self._state.known.paging.level + 1
            if level > len(self._levels):
                self._state.tell("nobody acknowledged; every level was called")
                self._change(due_at=None)
                await workflow.wait_condition(lambda: self._state.known.paging.acknowledged is not None)
                continue
            await self._call(level)
        self._steps.wait_in(STEP, ())
        await self._change_pages("acknowledge")

    async def _call(self, level: int) -> None:
        team = self._levels[level - 1]
        due = workflow.now() + self._state.request.acknowledge_within
        self._change(level=level, due_at=due)
        self._steps.wait_in(STEP, (Waiting(what="an acknowledgement", who=team, until=due),))
        known = self._state.known
        event: NoticeEvent = "opened" if level == 1 else "escalated"
        group = self._state.inbox.group
        title, text = notice(event, self._state.id, known.service, known.severity, group=group)
        await asyncio.gather(
            asyncio.ensure_future(self._send(level, str(level), self._news)),
            asyncio.ensure_future(self._state.notify(team, f"page/{level}", title, text)),
        )

    async def _taken(self) -> bool:
        """Whether somebody acknowledged, before the level that was called last has had its time."""
        paging = self._state.known.paging
        if paging.acknowledged is not None:
            return True
        left = None if paging.due_at is None else paging.due_at - workflow.now()
        if left is None or left.total_seconds() <= 0:
            return False
        try:
            await workflow.wait_condition(
                lambda: self._state.known.paging.acknowledged is not None,
                timeout=left,
                timeout_summary=f"acknowledgement of level {paging.level}",
            )
        except TimeoutError:
            return False
        return True

    async def _send(self, level: int, event: str, news: str) -> None:
        """Page. One that cannot be sent is told, and the chain goes on: its next level is due all the same."""
        known = self._state.known
        severity = known.severity or self._state.rules_alone()
        key = self._state.key(f"page/{event}")
        request = page(self._state.id, known.service, severity, self._state.inbox.group, level, key, news)
        try:
            await call(
                IncidentActivities.page, request, PAGE, activity_id=f"page/{event}", summary=f"Page level {level}"
            )
        except CallFailedError as error:
            why = f"level {level} was not paged ({error.failure.code})"
            if error.failure.unknown:
                # Perhaps it was: it is closed with the others when the incident ends.
                self._opened(request)
            self._state.degrade(f"page/{event}", why)
            if event == "1":
                self._steps.degrade(STEP, why)
            return
        self._sent(request, event)

    def _opened(self, request: PageRequest) -> bool:
        """Whether the page is a new one."""
        pages = self._state.known.paging.pages
        if request.key in {opened.key for opened in pages}:
            return False
        self._change(pages=(*pages, OpenPage(level=request.level, key=request.key)))
        return True

    def _sent(self, request: PageRequest, event: str) -> None:
        if self._opened(request):
            self._state.tell(f"paged level {request.level} ({self._levels[request.level - 1]})")
        if event == "1":
            self._steps.complete(STEP, note=f"paged {self._levels[0]}")

    async def _change_pages(self, action: Literal["acknowledge", "resolve"]) -> None:
        """Tell the pager, for every page that is open."""
        pages = enumerate(self._state.known.paging.pages, 1)
        await asyncio.gather(
            *(asyncio.ensure_future(self._change_page(action, number, opened)) for number, opened in pages)
        )

    async def _change_page(self, action: Literal["acknowledge", "resolve"], number: int, opened: OpenPage) -> None:
        """One that cannot be told of is told in the record."""
        try:
            await call(
                IncidentActivities.change_page,
                PageChange(action=action, level=opened.level, key=opened.key),
                PAGE,
                activity_id=f"page/{action}/{number}",
                summary=f"Page {number}: {action}",
            )
        except CallFailedError as error:
            self._state.degrade(f"page/{action}/{number}", f"the page stays as it is ({error.failure.code})")

    def _change(self, **fields: object) -> None:
        self._state.set(paging=self._state.known.paging.model_copy(update=fields))
