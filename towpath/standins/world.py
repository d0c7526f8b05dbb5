"""A small shop that runs somewhere: services with instances, deployments and faults, as its telemetry would show it.

Everything is a function of its history and the clock, so metrics and logs of any window agree with each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

BASE_RATE = 40.0
"""Requests a second of a healthy service."""
BASE_ERRORS = 0.002
BASE_LATENCY = 0.12
BASE_DISK = 0.41
BASE_MEMORY = 0.55
RAMP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a fault does to a service, what it writes to the log, and which change ends it."""

    errors: float
    latency: float
    message: str
    mended_by: tuple[str, ...]
    disk: float = BASE_DISK
    memory: float = BASE_MEMORY
    rate: float = BASE_RATE
    one_instance: bool = False


FAULTS = {
    "bad-deployment": FaultKind(
        0.30,
        0.4,
        "PaymentClient: field 'currency' is missing in the answer of charge {number} (build {version})",
        ("rollbackDeployment", "setFeature"),
    ),
    "disk-full": FaultKind(
        0.12,
        0.3,
        "cannot write /var/spool/orders/{number}.json: No space left on device",
        ("clearDisk",),
        disk=0.99,
        one_instance=True,
    ),
    "memory-leak": FaultKind(
        0.15, 1.4, "worker {number} killed: out of memory", ("restartInstance",), memory=0.98, one_instance=True
    ),
    "database-down": FaultKind(
        0.60, 2.8, "connection to db-primary:5432 refused (attempt {number})", ("failOverDatabase",)
    ),
    "overload": FaultKind(
        0.08,
        3.2,
        "request {number} waited 3000 ms for a free connection: pool exhausted",
        ("scaleService",),
        rate=160.0,
    ),
}


@dataclass(slots=True)
class Episode:
    """One fault while it lasts. `ended` is None while it goes on."""

    kind: str
    began: float
    instance: str
    deployment: str = ""
    ended: float | None = None

    def weight(self, at: float) -> float:
        """0 before and after it, rising to 1 within two seconds."""
        if at < self.began or (self.ended is not None and at >= self.ended):
            return 0.0
        return min(1.0, (at - self.began) / RAMP_SECONDS)


@dataclass(frozen=True, slots=True)
class ShopDeployment:
    id: str
    version: str
    previous_version: str
    at: float
    by: str


@dataclass(slots=True)
class Service:
    """One service of the shop."""

    name: str
    began: float
    instances: int = 3
    deployments: list[ShopDeployment] = field(default_factory=list["ShopDeployment"])
    episodes: list[Episode] = field(default_factory=list[Episode])
    changes: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    @property
    def instance_names(self) -> list[str]:
        return [f"{self.name}-{number}" for number in range(1, self.instances + 1)]

    @property
    def version(self) -> str:
        return self.deployments[-1].version if self.deployments else "2026.11.0"

    def quantity(self, name: str, at: float, instance: str | None = None) -> float:
        """`rate`, `errors` (share of requests), `latency` (s, p95), `disk`, `memory` (shares used), `instances`."""
        if name == "instances":
            return float(self.instances)
        base = {"rate": BASE_RATE, "errors": BASE_ERRORS, "latency": BASE_LATENCY}
        value = base.get(name, BASE_DISK if name == "disk" else BASE_MEMORY)
        for episode in self.episodes:
            kind = FAULTS[episode.kind]
            if instance is not None and kind.one_instance and instance != episode.instance:
                continue
            wanted = float(getattr(kind, name))
            value += (wanted - value) * episode.weight(at) if wanted > value else 0.0
        return value

    def total(self, name: str, at: float) -> float:
        """Integral of a quantity of requests from the service's begin: a counter. `name` is `requests` or `errors`."""
        marks = sorted({self.began, at, *self._turns(at)})
        return sum(self._area(name, low, high) for low, high in pairwise(marks))

    def _turns(self, at: float) -> list[float]:
        turns = [
            moment
            for episode in self.episodes
            for moment in (episode.began, episode.began + RAMP_SECONDS, episode.ended)
            if moment is not None
        ]
        return [moment for moment in turns if self.began < moment < at]

    def _area(self, name: str, low: float, high: float) -> float:
        middle = (low + high) / 2
        rate = self.quantity("rate", middle)
        return (high - low) * (rate * self.quantity("errors", middle) if name == "errors" else rate)


class World:
    """All services. `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float], names: tuple[str, ...] = ("checkout", "catalog", "search")) -> None:
        self._clock = clock
        began = clock() - 3600
        self.services = {name: Service(name, began) for name in names}
        for service in self.services.values():
            self._deployed(service, "2026.11.0", "2026.10.4", began)
        self.features: dict[str, str] = {}
        self.tasks: list[dict[str, Any]] = []

    def now(self) -> float:
        return self._clock()

    def begin(self, service: str, kind: str) -> Episode:
        """Raises KeyError for a service or a fault that does not exist."""
        found, now = self.services[service], self.now()
        episode = Episode(kind, now, instance=f"{service}-1") if kind in FAULTS else _unknown(kind)
        if kind == "bad-deployment":
            # The fault shows a moment after the deployment that caused it.
            episode.deployment = self._deployed(found, f"2026.11.{len(found.deployments)}", found.version, now - 20).id
        found.episodes.append(episode)
        return episode

    def mend(self, service: str, operation: str, target: str = "") -> int:
        """End the faults that this change ends; how many. A change of another instance or deployment ends none."""
        found, now = self.services[service], self.now()
        found.changes.append((now, operation))
        ended = 0
        for episode in found.episodes:
            is_target = target in {"", episode.instance, episode.deployment}
            if episode.ended is None and operation in FAULTS[episode.kind].mended_by and is_target:
                episode.ended = now
                ended += 1
        return ended

    def deploy(self, service: str, version: str, by: str) -> None:
        found = self.services[service]
        self._deployed(found, version, found.version, self.now(), by)

    def _deployed(self, service: Service, version: str, previous: str, at: float, by: str = "ci") -> ShopDeployment:
        number = len(service.deployments) + 1
        made = ShopDeployment(f"{service.name}-d{number}", version, previous, at, by)
        service.deployments.append(made)
        return made

    def as_json(self) -> dict[str, Any]:
        return {
            service.name: {
                "version": service.version,
                "instances": service.instances,
                "open_faults": [episode.kind for episode in service.episodes if episode.ended is None],
                "changes": [operation for _, operation in service.changes],
            }
            for service in self.services.values()
        }


def _unknown(kind: str) -> Episode:
    raise KeyError(kind)
