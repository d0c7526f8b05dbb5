"""A workflow of nothing but short calls, and the receiver of them: what it got, what it answers, what it holds back."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

from towpath.contracts.core.batch import CallsReport
from towpath.contracts.core.wire import ActivityResult, Wire
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import CHECK, EFFECT, Work

ONCE = Work(EFFECT.retry, start_to_close=EFFECT.start_to_close, short=True, once=True)
KINDS = {"effect": EFFECT, "once": ONCE, "check": CHECK}


class Letter(Wire):
    """`to` may end in a number, as in `kim/2`, which the summary leaves out. One to `after` ends before it is sent."""

    to: str
    kind: str = "effect"
    after: str = ""


class Receipt(ActivityResult):
    to: str
    at: timedelta = timedelta()
    text: str = ""


class Mail(Wire):
    """Letters by the stage in which they are sent: those of one stage together."""

    stages: tuple[tuple[Letter, ...], ...]


class Sent(Wire):
    """Per letter: `ok:attempt`, `failed:code:attempts:unknown`, or `cancelled`; in the order in which they ended."""

    ended: tuple[str, ...] = ()


@dataclass
class Receiver:
    """`faults[to]` are raised in turn; a letter to a name in `held` is answered once that event is set, one to a name
    in `large` with 600 kB.
    """

    got: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    large: set[str] = field(default_factory=set[str])
    faults: dict[str, list[BaseException]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    arrived: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def activities(self) -> Sequence[Callable[..., Any]]:
        return (self.deliver,)

    @activity.defn(name="deliver")
    async def deliver(self, letter: Letter) -> Receipt:
        self.got.append(letter.to)
        self.arrived[letter.to].set()
        try:
            if letter.to in self.held:
                await self.held[letter.to].wait()
        except asyncio.CancelledError:
            self.dropped.append(letter.to)
            raise
        if self.faults[letter.to]:
            raise self.faults[letter.to].pop(0)
        text = "x" * 600_000 if letter.to in self.large else ""
        return Receipt(to=letter.to, at=timedelta(seconds=1), text=text)


class Listener:
    """Stands in for a client of Temporal where only signals are sent."""

    def __init__(self) -> None:
        self.heard: list[CallsReport] = []

    def get_workflow_handle(self, *_: object, **__: object) -> "Listener":
        return self

    async def signal(self, _: str, report: CallsReport) -> None:
        self.heard.append(report)


@workflow.defn(name="test-mail")
class MailWorkflow:
    @workflow.init
    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._ended: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, mail: Mail) -> Sent:
        for stage in mail.stages:
            sending = [(letter.to, asyncio.ensure_future(self._send(letter))) for letter in stage]
            self._tasks = dict(sending)
            await asyncio.gather(*(task for _, task in sending), return_exceptions=True)
        return Sent(ended=tuple(self._ended))

    @workflow.signal
    def drop(self, to: str) -> None:
        """Cancel one letter alone."""
        self._tasks[to].cancel()

    @workflow.query
    def ended(self) -> Sent:
        return Sent(ended=tuple(self._ended))

    async def _send(self, letter: Letter) -> None:
        to = letter.to
        if letter.after:
            await workflow.wait_condition(lambda: any(told.startswith(f"{letter.after} ") for told in self._ended))
        try:
            summary = f"To {to.partition('/')[0]}"
            receipt = await call(Receiver.deliver, letter, KINDS[letter.kind], activity_id=to, summary=summary)
            told = f"ok:{receipt.attempt}"
        except CallFailedError as error:
            failure = error.failure
            told = f"failed:{failure.code}:{failure.attempts}:{failure.unknown}"
        except asyncio.CancelledError:
            self._ended.append(f"{to} cancelled")
            raise
        self._ended.append(f"{to} {told}")
