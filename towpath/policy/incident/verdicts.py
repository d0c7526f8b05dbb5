"""Whether an action helped, by looks at metrics: it did, it did not, or nobody can tell.

A look without data says nothing, and one bad look among good ones is no failure: only what stands for the whole `hold`
is an answer.
"""

from datetime import datetime, timedelta

from towpath.contracts.incident.remediation import Verify
from towpath.policy.incident.conditions import Judged, Judgement

KNOWN = 0.5
"""Share of the looks that must have had values, while a condition held."""


class Looks:
    """Takes each look, and answers as soon as there is an answer: at the latest two holds after `within`."""

    def __init__(self, verify: Verify, began: datetime) -> None:
        self._verify = verify
        self._end = began + verify.within
        self._last = Judgement.UNKNOWN
        self._standing: Judgement | None = None
        self._since = began
        self._looks = self._known = self._all = self._gaps = self._late = 0
        self._why = "no metric had a value"

    def add(self, judged: Judged, now: datetime) -> None:
        self._last = judged.judgement
        self._all += 1
        self._late += now >= self._end
        if judged.judgement is Judgement.UNKNOWN:
            self._gaps += 1
            self._looks += 1
            return
        if judged.judgement is not self._standing:
            self._standing, self._since = judged.judgement, now
            self._looks = self._known = 0
        self._looks += 1
        self._known += 1
        self._why = judged.why

    def answer(self, now: datetime, *, enough: bool = False) -> Judgement | None:
        """None while it has to be looked at again. With `enough` it suffices that the condition holds now."""
        if self._stands(Judgement.HOLDS, now) or (enough and self._last is Judgement.HOLDS):
            return Judgement.HOLDS
        if now < self._end:
            return None
        if self._stands(Judgement.FAILS, now):
            return Judgement.FAILS
        return Judgement.UNKNOWN if self._standing is None or self._late > self._most_late else None

    def next_look(self, now: datetime) -> timedelta:
        """How long to wait: the end of `within` is looked at, and what stands then is given the rest of its hold."""
        return min(self._verify.every, self._end - now if now < self._end else self._verify.hold)

    @property
    def why(self) -> str:
        gaps = f"; {self._gaps} of {self._all} looks had no value" if self._gaps else ""
        said = self._why if self._standing is not Judgement.FAILS else f"{self._why}: {self._verify.condition} fails"
        return f"{said}{gaps}"

    @property
    def _most_late(self) -> int:
        return int(2 * self._verify.hold / min(self._verify.every, self._verify.hold)) + 1

    def _stands(self, judgement: Judgement, now: datetime) -> bool:
        stood = now - self._since >= self._verify.hold and self._known > KNOWN * self._looks
        return self._standing is judgement and self._last is judgement and stood
