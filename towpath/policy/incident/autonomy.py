"""When an action may be carried out without a person: proof by measurements now, and by how it did before."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from towpath.contracts.incident.remediation import (
    ActionUses,
    CatalogueAction,
    ControlRecord,
    MetricQuery,
    ReservedAction,
    SwitchState,
)
from towpath.policy.incident.conditions import Judgement, judge
from towpath.policy.incident.reach import can_fail

JUDGED = 20
"""How many of the latest uses of an action count."""
EARNED = 19
"""How many of them must have been verified."""
HOUR = timedelta(hours=1)
SUSPECT = frozenset({"deployment", "previous-version"})
"""Inventories of what an incident may have begun with."""


def is_held(entry: ReservedAction, now: datetime) -> bool:
    """Whether its target is its own."""
    return entry.until is not None and now < entry.until


def in_the_way(target: str, incident: str) -> str:
    return f"{incident or 'another incident'} is acting on {target}: one action at a time"


def told(record: ControlRecord, now: datetime) -> SwitchState:
    """What runs are told of the record."""
    names = dict.fromkeys((*record.outcomes, *(entry.action for entry in record.reservations)))
    lately = [entry.action for entry in record.reservations if now - entry.at < HOUR]
    outcomes = {name: record.outcomes.get(name, ()) for name in names}
    return SwitchState(
        switch=record.switch,
        uses={
            name: ActionUses(judged=len(ended), verified=sum(ended), last_hour=lately.count(name))
            for name, ended in outcomes.items()
        },
        busy={entry.target: entry.incident for entry in record.reservations if is_held(entry, now)},
    )


def unproved(
    action: CatalogueAction, metrics: tuple[MetricQuery, ...], values: Mapping[str, float], uses: ActionUses | None
) -> str:
    """Why a person has to decide about an action that the catalogue calls automatic; empty when it is proved.

    No text of anybody takes part: the measurements must say that what the action mends is broken now.
    """
    if action.precondition is None or not can_fail(action.precondition, metrics):
        return "its precondition can never be false"
    if action.verify is None:
        return "it cannot be verified"
    now = judge(action.verify.condition, values)
    if now.judgement is not Judgement.FAILS:
        return f"no metric of the service speaks for it ({now.why})"
    if uses is None or uses.judged < JUDGED or uses.verified < EARNED:
        done = "none" if uses is None else f"{uses.verified} of {uses.judged}"
        return f"it has not earned it: {done} of its last uses verified, {EARNED} of {JUDGED} are needed"
    return ""


def puts_a_suspect_back(action: CatalogueAction) -> bool:
    """Whether its rollback would bring back a version that the incident may have begun with."""
    return action.rollback is not None and any(one.inventory in SUSPECT for one in action.parameters)
