"""Runbooks for an incident: first those written for its alerts, then those of its service, then by their words."""

from collections.abc import Sequence
from dataclasses import dataclass

from towpath.contracts.incident.investigation import FindRunbooks, Runbook
from towpath.policy.incident.similarity import relevance

FOR_ALERT, FOR_SERVICE, BY_WORDS = 100.0, 2.0, 1.0
LEAST_RELEVANCE = 2.5
"""A runbook that names neither the alert nor the service must have so much in common with the incident."""


@dataclass(frozen=True, slots=True)
class RunbookEntry:
    """A runbook, and what it is written for."""

    runbook: Runbook
    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()


def find(query: FindRunbooks, entries: Sequence[RunbookEntry]) -> tuple[Runbook, ...]:
    """The best ones first, at most the query's limit. Their text is data: it advises people and selects nothing."""
    words = relevance(query.text, [f"{entry.runbook.title} {entry.runbook.text}" for entry in entries])
    scored: list[tuple[float, str, Runbook]] = []
    for entry, common in zip(entries, words, strict=True):
        named = bool(set(entry.alerts) & set(query.alert_names))
        local = query.service in entry.services
        if (entry.services and not local) or not (named or local or common >= LEAST_RELEVANCE):
            continue
        score = FOR_ALERT * named + FOR_SERVICE * local + BY_WORDS * common
        scored.append((-score, entry.runbook.name, entry.runbook))
    return tuple(runbook for _, _, runbook in sorted(scored, key=lambda one: one[:2])[: query.limit])
