"""A receiver of effects with a ledger of its own: it does what a script says, and knows by itself what stands."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity

from tests.fakes.services import FakeServices
from towpath.contracts.core.delivery import Delivered, PostSlack, TeamNotice, UpdateCrm
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.contracts.declared.run import CallAnswer, FunctionCall, ServiceCall

LOST: dict[str, FailureCode | None] = {
    "answered": None,
    "500 after it": FailureCode.SERVICE_UNAVAILABLE,
    "503 before it": FailureCode.SERVICE_UNAVAILABLE,
    "dropped before it": FailureCode.SERVICE_CONNECTION,
    "dropped after it": FailureCode.SERVICE_CONNECTION,
    "timed out before it": FailureCode.SERVICE_TIMEOUT,
    "timed out after it": FailureCode.SERVICE_TIMEOUT,
    "broken answer after it": FailureCode.SERVICE_BAD_RESPONSE,
    "never sent": FailureCode.SERVICE_CONNECTION,
    "refused": FailureCode.SERVICE_REFUSED,
    "held before it": None,
    "held after it": None,
}
"""What an attempt comes to: the failure that the caller sees. `it` is the effect."""
APPLIES = frozenset({"answered", *(name for name in LOST if name.endswith("after it"))})
ENDS = frozenset({"answered", "refused", "held before it", "held after it"})
"""After these there is no further attempt."""


@dataclass
class Receiver(FakeServices):
    """`scripts[run]` is what the attempts at its one effect come to, in turn; an empty script answers."""

    scripts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    standing: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    reached: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def activities(self) -> Sequence[Callable[..., Any]]:
        own = {"post_slack": self.post_slack, "update_crm": self.update_crm, "notify_team": self.notify_team}
        others = [one for one in super().activities() if one.__name__ not in own]
        return (*others, *own.values())

    @activity.defn(name="call_service")
    async def call_service(self, request: ServiceCall) -> CallAnswer:
        run, _ = place(request.key)
        if request.operation == "act":
            return CallAnswer(value={"ok": await self._receive(request.key)})
        self.asked[run].append(request.operation)
        if request.operation == "undo":
            self.standing[run].clear()
        elif request.operation == "boom":
            raise HouseError(FailureCode.SERVICE_REFUSED, "no")
        return CallAnswer(value={"found": f"{request.params.get('of')}" in self.standing[run]})

    @activity.defn(name="call_function")
    async def call_function(self, request: FunctionCall) -> CallAnswer:
        return CallAnswer(value={"ok": await self._receive(request.key)})

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=200, body={"ok": await self._receive(request.key)})

    @activity.defn(name="post_slack")
    async def post_slack(self, request: PostSlack) -> Delivered:
        return Delivered(message_id=str(await self._receive(request.key)))

    @activity.defn(name="update_crm")
    async def update_crm(self, request: UpdateCrm) -> Delivered:
        return Delivered(message_id=str(await self._receive(request.key)))

    @activity.defn(name="notify_team")
    async def notify_team(self, request: TeamNotice) -> Delivered:
        return Delivered(message_id=str(await self._receive(request.key)))

    async def _receive(self, key: str) -> bool:
        """One request for the effect of this key. A key that stands is not applied again."""
        run, thing = place(key)
        script = self.scripts.get(run, [])
        outcome = script.pop(0) if script and is_scripted(thing) else "answered"
        self.asked[run].append("act")
        if outcome in APPLIES:
            self.standing[run].add(thing)
        if outcome.startswith("held"):
            self.reached[run].set()
            await asyncio.Event().wait()
        code = LOST[outcome]
        if code is not None:
            raise HouseError(code, outcome, sent=outcome != "never sent")
        return True


def place(key: str) -> tuple[str, str]:
    """Run and name of what a key stands for: the name is its last parts, without those of the runs."""
    run, _, thing = key.partition("/act")
    parts = run.split("/")
    return "/".join(parts[:2]), f"act{thing.partition('/undo')[0].partition('/check')[0]}"


def is_scripted(thing: str) -> bool:
    """Of several effects of a step, the last item or the first channel."""
    return thing in {"act", "act/1", "act/slack"}
