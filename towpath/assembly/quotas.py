"""The quotas that a worker keeps, from the limits in its settings and in the connections file."""

from towpath.config.connections import Connections
from towpath.config.openapi import services
from towpath.config.settings import PREFIX, SettingsError, WorkerSettings
from towpath.contracts.core.process import CLAUDE_QUEUE
from towpath.contracts.core.quota import CLAUDE_PLACE, Limits, Quota, connection_place, quota_queue, service_place
from towpath.engine.expression.suggestions import did_you_mean


def quotas_of(settings: WorkerSettings, connections: Connections) -> dict[str, Quota]:
    """By place. Raises SettingsError for limits of a service that is not there."""
    limits = {connection_place(each.name): each.limits for each in connections.all() if each.limits is not None}
    known = services()
    for name, given in settings.service_limits.items():
        if name not in known:
            hint = did_you_mean(name, known) or f": there are {', '.join(known)}"
            raise SettingsError(f"{PREFIX}SERVICE_LIMITS: {name}: there is no such service{hint}")
        limits[service_place(name)] = given
    quotas = {place: _quota(place, given) for place, given in limits.items()}
    if settings.claude_tokens_per_minute is not None:
        quotas[CLAUDE_PLACE] = Quota(CLAUDE_PLACE, CLAUDE_QUEUE, tokens_per_min=settings.claude_tokens_per_minute)
    return quotas


def _quota(place: str, limits: Limits) -> Quota:
    return Quota(place, quota_queue(place), rps=limits.rps, concurrent=limits.concurrent)
