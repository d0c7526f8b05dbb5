"""What a run sent without knowing what became of it: from before a call until it is certain that it had no effect."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from towpath.contracts.core.failure import CallFailedError, HouseError
from towpath.contracts.core.wire import clip

Known = Literal["sent", "perhaps sent"]


class Doubts:
    """Effects by step, and within it by call: `step`, `step/index`, `step/channel`."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, Known]] = {}

    @contextmanager
    def sending(self, step: str, call: str) -> Generator[None]:
        """Around a call with an effect. A call whose earlier attempt is in doubt stays so, however this one ends."""
        calls = self._calls.setdefault(step, {})
        before = calls.get(call)
        calls[call] = before or "perhaps sent"
        try:
            yield
        except (CallFailedError, HouseError) as error:
            # A house error of the run itself says that nothing was sent.
            unknown = isinstance(error, CallFailedError) and error.failure.unknown
            if not unknown and before is None:
                del calls[call]
            raise
        calls[call] = "sent"

    def recall(self, step: str) -> None:
        """The run before this one has done it, or may have."""
        self._calls.setdefault(step, {})[step] = "perhaps sent"

    def clear(self, step: str, call: str) -> None:
        """It is certain now that the call had no effect."""
        self._calls.get(step, {}).pop(call, None)

    def is_open(self, step: str, call: str = "") -> bool:
        """Whether the step, or the one call of it, has had an effect or may have."""
        calls = self._calls.get(step, {})
        return any(not call or name == call or name.startswith(f"{call}/") for name in calls)

    def told(self, step: str) -> str:
        """In words, by the last part of the calls' names, where a step makes several of them."""
        found: dict[Known, list[str]] = {}
        for call, known in self._calls.get(step, {}).items():
            if call != step:
                found.setdefault(known, []).append(call.rpartition("/")[2])
        return clip("; ".join(f"{known}: {', '.join(calls)}" for known, calls in sorted(found.items(), reverse=True)))
