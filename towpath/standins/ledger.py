"""The account of all outside effects: what was asked, what happened, and whether anything happened twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, dict[str, Any]]
"""HTTP status and JSON body."""


@dataclass(slots=True)
class Effect:
    """One idempotency key at one service: how often it was asked for, and how often it took effect."""

    service: str
    key: str
    requests: int = 0
    applied: int = 0
    answer: Answer | None = None

    def as_json(self) -> dict[str, Any]:
        return {"service": self.service, "key": self.key, "requests": self.requests, "applied": self.applied}


@dataclass(slots=True)
class EffectLedger:
    """Same key and body: the first answer again, no second effect. Same key, other body: refused."""

    effects: dict[tuple[str, str], Effect] = field(default_factory=dict[tuple[str, str], Effect])
    _bodies: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    reused: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Keys that came with another body than before, each time."""

    def perform(self, service: str, key: str, body: str, apply: Callable[[], Answer]) -> Answer:
        """The answer for this key; `apply` is called only when the key has not taken effect yet."""
        effect = self.effects.setdefault((service, key), Effect(service, key))
        effect.requests += 1
        if refusal := self.see(service, key, body):
            return refusal
        if effect.answer is None:
            answer = apply()
            if answer[0] >= 400:
                return answer
            effect.answer = answer
            effect.applied += 1
        return effect.answer

    def see(self, service: str, key: str, body: str) -> Answer | None:
        """A refusal when the key is known with another body, be it from a request that came to nothing."""
        if self._bodies.setdefault((service, key), body) == body:
            return None
        self.reused.append({"service": service, "key": key})
        return problem(422, "key_reused", "this key was used with another body")

    def attempt(self, service: str, key: str, apply: Callable[[], Answer]) -> Answer:
        """The answer of a service that knows no keys: it takes effect each time. `key` names what is meant."""
        effect = self.effects.setdefault((service, key), Effect(service, key))
        effect.requests += 1
        answer = apply()
        if answer[0] < 400:
            effect.applied += 1
        return answer

    def as_json(self) -> dict[str, Any]:
        effects = [effect.as_json() for effect in self.effects.values()]
        return {
            "effects": effects,
            "requests": sum(effect.requests for effect in self.effects.values()),
            "key_reused": self.reused,
            "applied_twice": [effect for effect in effects if effect["applied"] > 1],
        }


def problem(status: int, code: str, title: str) -> Answer:
    return status, {"type": "about:blank", "title": title, "status": status, "code": code}
