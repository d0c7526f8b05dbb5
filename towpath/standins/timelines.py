"""Timelines of accounts, as the stand-ins of X and LinkedIn keep them, and how an ordered fault breaks a request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from towpath.standins.faults import Fault
from towpath.standins.services import DroppedConnectionError

LAG = "lag"
"""Code of a fault that a timeline answers with nothing new, as the real ones do for some seconds after a post."""


@dataclass(slots=True)
class TimelinePost:
    """One post. `shown` is its text as readers see it."""

    id: str
    account: str
    text: str
    shown: str
    reply_to: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    removed: bool = False


class Timeline:
    """All posts of one platform, oldest first."""

    def __init__(self) -> None:
        self.messages: list[TimelinePost] = []

    def add(self, message: TimelinePost) -> None:
        self.messages.append(message)

    def of(self, account: str) -> list[TimelinePost]:
        """An account's posts, newest first."""
        return [one for one in reversed(self.messages) if one.account == account and not one.removed]

    def duplicate(self, account: str, text: str) -> TimelinePost | None:
        return next((one for one in self.of(account) if one.text == text), None)

    def remove(self, account: str, post_id: str) -> bool:
        found = [one for one in self.of(account) if one.id == post_id]
        for one in found:
            one.removed = True
        return bool(found)

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"id": one.id, "account": one.account, "text": one.shown, "reply_to": one.reply_to, "removed": one.removed}
            for one in self.messages
        ]


async def broken(fault: Fault | None, refuse: Callable[[Fault], Response], *, after: bool) -> Response | None:
    """What the fault does to a request before its effect, or `after` it; None when the request goes on."""
    if fault is None or fault.after_effect is not after or fault.code == LAG:
        return None
    if fault.hold:
        await fault.held()
        return None
    if fault.drop:
        raise DroppedConnectionError
    return refuse(fault)


def snowflake(at: datetime, taken: Iterable[str]) -> str:
    """An id in the shape of X's: milliseconds since its epoch, and a number within the millisecond."""
    identifier = (int(at.timestamp() * 1000) - 1_288_834_974_657) << 22
    known = set(taken)
    while str(identifier) in known:
        identifier += 1
    return str(identifier)
