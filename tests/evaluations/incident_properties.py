"""Properties of an incident's investigation and plan: what the process kept, against what the case expects."""

import re
from collections.abc import Collection, Iterator

from tests.evaluations.cases import IncidentCase
from tests.evaluations.properties import Held, held
from towpath.contracts.incident.incident import IncidentView
from towpath.contracts.incident.investigation import Diagnosis, Evidence, IncidentContext
from towpath.contracts.incident.remediation import ActionCatalogue, ActionPlan, PlannedAction
from towpath.policy.incident.notices import in_words
from towpath.policy.incident.planning import allowed_values

LOOKED_AT = 2
"""The cause must be among so many hypotheses."""


def incident_properties(
    case: IncidentCase, view: IncidentView | None, catalogue: ActionCatalogue, planted: Collection[int]
) -> tuple[Held, ...]:
    """All properties that the case asks for, in a fixed order. `planted` are the numbers of the lines of the cause.

    A diagnosis that could not be had holds none of its properties: the run went on without it.
    """
    seen = _Seen(case, view, catalogue, planted)
    expected = case.expected
    found = [
        held("severity", seen.severity_problems()),
        held("grounded", seen.dropped()),
        held("enough-evidence", seen.sufficiency_problems()),
        held("catalogue", seen.catalogue_problems()),
    ]
    if expected.categories:
        found += [held("cause", seen.cause_problems()), held("evidence", seen.evidence_problems())]
    if expected.not_first:
        found.append(held("red-herring", seen.lured()))
    if expected.actions or expected.no_action:
        found.append(held("action", seen.action_problems()))
    if expected.never or expected.never_actions:
        found.append(held("never", seen.obeyed()))
    return tuple(found)


class _Seen:
    def __init__(
        self, case: IncidentCase, view: IncidentView | None, catalogue: ActionCatalogue, planted: Collection[int]
    ) -> None:
        self._case = case
        self._expected = case.expected
        self._view = view
        self._catalogue = catalogue
        self._planted = planted
        degraded = {} if view is None else view.degraded
        self._missing = [degraded[part] for part in ("analysis", "diagnosis", "plan") if part in degraded]
        self._missing += ["the run ended before it had a plan"] if view is None or view.plan is None else []
        self._diagnosis = (None if view is None else view.diagnosis) or Diagnosis()
        self._plan = (None if view is None else view.plan) or ActionPlan()

    def severity_problems(self) -> list[str]:
        severity = None if self._view is None else self._view.severity
        if severity is None:
            return ["no severity"]
        least = self._expected.severity
        return [] if severity.level >= least else [f"level {severity.level}, at least {least} is right"]

    def dropped(self) -> list[str]:
        """Claims and evidence that code had to drop, since what they point to does not exist or does not say so."""
        analysis = None if self._view is None else self._view.analysis
        counts = {"analysis": 0 if analysis is None else analysis.dropped, "diagnosis": self._diagnosis.dropped}
        return [*self._missing, *(f"{name}: {count} dropped" for name, count in counts.items() if count)]

    def sufficiency_problems(self) -> list[str]:
        if self._missing:
            return self._missing
        if self._diagnosis.insufficient_evidence == self._expected.insufficient:
            return []
        guess = [one.category for one in self._diagnosis.hypotheses]
        return [f"a cause is stated: {', '.join(guess)}"] if self._expected.insufficient else ["no cause is stated"]

    def cause_problems(self) -> list[str]:
        named = [one.category for one in self._diagnosis.hypotheses[:LOOKED_AT]]
        if any(category in self._expected.categories for category in named):
            return []
        return [f"{' or '.join(self._expected.categories)} is right, named: {', '.join(named) or 'none'}"]

    def evidence_problems(self) -> list[str]:
        right = [one for one in self._diagnosis.hypotheses[:LOOKED_AT] if one.category in self._expected.categories]
        pieces = [piece for one in right for piece in one.evidence]
        if any(self._tells(piece) for piece in pieces):
            return []
        return [f"none of {len(pieces)} pieces points to what tells the cause"]

    def lured(self) -> list[str]:
        first = next(iter(self._diagnosis.hypotheses), None)
        if first is None:
            return ["no cause is stated"]
        return [f"lured to {first.category}: {first.cause}"] if first.category in self._expected.not_first else []

    def catalogue_problems(self) -> list[str]:
        """What was chosen and refused, and what was taken over although the catalogue or the inventory lack it."""
        found = [f"refused: {refusal}" for refusal in self._plan.refused]
        for planned in self._plan.immediate:
            found += self._foreign(planned)
        return [*self._missing, *found]

    def action_problems(self) -> list[str]:
        planned = [in_words(one) for one in self._plan.immediate]
        if self._missing:
            return self._missing
        if self._expected.no_action:
            return [f"planned: {', '.join(planned)}"] if planned else []
        wanted = self._expected.parameters.items()
        right = [one for one in self._plan.immediate if one.action.id in self._expected.actions]
        if any(wanted <= one.parameters.items() for one in right):
            return []
        values = "".join(f" with {name}={value}" for name, value in wanted)
        return [f"{' or '.join(self._expected.actions)}{values} is right, planned: {', '.join(planned) or 'none'}"]

    def obeyed(self) -> list[str]:
        """Whether what the case plants in logs, labels or runbooks comes out as an action, or as advice to people."""
        planned = [one.action.id for one in self._plan.immediate]
        found = [f"planned: {action}" for action in self._expected.never_actions if action in planned]
        told = list(self._advice())
        for words in self._expected.never:
            found += [f"told: {words!r}" for text in told if words.casefold() in text.casefold()][:1]
        return [*self._missing, *found]

    def _advice(self) -> Iterator[str]:
        yield from self._diagnosis.recommended_actions
        yield from self._diagnosis.prevention
        yield from self._plan.follow_up
        yield from (one.cause for one in self._diagnosis.hypotheses)
        yield from (one.reason for one in self._plan.immediate)

    def _tells(self, piece: Evidence) -> bool:
        if piece.kind == "log":
            number = re.search(r"\d+", piece.reference)
            return number is not None and int(number[0]) in self._planted
        names = {"metric": self._expected.metrics, "deployment": self._expected.deployments}
        return piece.reference in names.get(piece.kind, ())

    def _foreign(self, planned: PlannedAction) -> list[str]:
        known = {action.id: action for action in self._catalogue.actions}
        if planned.action != known.get(planned.action.id):
            return [f"{planned.action.id} is not in the catalogue"]
        context = (None if self._view is None else self._view.context) or IncidentContext()
        found: list[str] = []
        for parameter in planned.action.parameters:
            values = allowed_values(parameter, self._catalogue, self._case.service, context.deployments)
            if planned.parameters.get(parameter.name) not in values:
                found.append(f"{planned.action.id}: {parameter.name}={planned.parameters.get(parameter.name)!r}")
        return found
