"""How an incident ended, in words."""

from towpath.contracts.incident.incident import IncidentResult
from towpath.policy.incident.notices import action_end
from towpath.views.processes import Views


def result_lines(ended: IncidentResult) -> list[str]:
    """A result in lines for people."""
    actions = [f"{action.number}. {action_end(action)}" for action in ended.actions]
    return [f"outcome: {ended.outcome}", *actions, f"cost: {ended.cost.in_words}"]


VIEWS = Views(result=result_lines)
