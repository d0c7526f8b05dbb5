"""What may be done about an incident: actions of the catalogue with values of the inventory, whatever anybody writes.

Nothing that Claude, a log, an alert or a runbook says can reach an action but by choosing among what is offered.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from towpath.contracts.core.wire import JsonObject, clip
from towpath.contracts.incident.incident import Severity
from towpath.contracts.incident.investigation import Deployment, Diagnosis, IncidentContext
from towpath.contracts.incident.remediation import (
    ActionCatalogue,
    ActionParameter,
    ActionPlan,
    ActionStep,
    CatalogueAction,
    ChosenAction,
    OfferedAction,
    PlanAnswer,
    PlannedAction,
)
from towpath.policy.incident.conditions import judge
from towpath.policy.incident.evidence import one_line, texts

MOST_IMMEDIATE = 4
MOST_FOLLOW_UPS = 6
MOST_REFUSED = 20
MOST_METRICS = 6
LONGEST_WATCH = 60
PEOPLE_DECIDE = 5
"""At this level every action needs a person."""

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What an id from outside must look like to be offered as a value."""
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]{0,59})\}")
_REACH = {"instance": 0, "service": 1, "platform": 2}


class ParameterError(Exception):
    """An action cannot be filled in: a parameter is missing, unknown, or has a value that is not allowed."""


def offered(
    catalogue: ActionCatalogue, service: str, context: IncidentContext, diagnosis: Diagnosis
) -> tuple[OfferedAction, ...]:
    """Actions that answer a hypothesis of the diagnosis, with the values that are allowed now.

    Nothing is offered for insufficient evidence, nor for a service that is not in the inventory. An action is left out
    when one of its parameters has no value. Of deployments only the service's latest one is offered.
    """
    if diagnosis.insufficient_evidence or service not in catalogue.services:
        return ()
    categories = {hypothesis.category for hypothesis in diagnosis.hypotheses}
    found: list[OfferedAction] = []
    for action in catalogue.actions:
        values = {one.name: allowed_values(one, catalogue, service, context.deployments) for one in action.parameters}
        answers = not action.categories or bool(categories.intersection(action.categories))
        if answers and all(values.values()):
            found.append(
                OfferedAction(
                    id=action.id,
                    title=action.title,
                    description=action.description,
                    categories=action.categories,
                    parameters=values,
                    approval=action.approval,
                    blast_radius=action.blast_radius,
                )
            )
    return tuple(found)


def allowed_values(
    parameter: ActionParameter, catalogue: ActionCatalogue, service: str, deployments: Sequence[Deployment] = ()
) -> tuple[str, ...]:
    """All values that a parameter may take for a service; none when nothing is known."""
    latest = max((one for one in deployments if one.service == service), key=lambda one: (one.at, one.id), default=None)
    match parameter.inventory:
        case "":
            return parameter.choices
        case "service":
            found = (service,) if service in catalogue.services else ()
        case "instance":
            found = catalogue.instances.get(service, ())
        case "deployment":
            found = () if latest is None else (latest.id,)
        case "previous-version":
            found = () if latest is None else (latest.previous_version,)
    return tuple(value for value in found if IDENTIFIER.fullmatch(value))


def make_plan(
    answer: PlanAnswer,
    offered: Sequence[OfferedAction],
    catalogue: ActionCatalogue,
    severity: Severity,
    approval_reasons: Sequence[str] = (),
) -> ActionPlan:
    """The plan with what was offered and nothing else; for each choice that is refused, why.

    `approval_reasons` make every action need a person, for reasons of the caller's. The required metrics are watched
    whatever is chosen, so that no answer can make an incident look resolved.
    """
    by_id = {action.id: action for action in catalogue.actions}
    allowed = {one.id: one for one in offered if one.id in by_id}
    kept: list[PlannedAction] = []
    refused: list[str] = []
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for choice in answer.immediate:
        key = (choice.action, tuple(sorted((choice.values or {}).items())))
        why = _refusal(choice, allowed, repeated=key in seen, full=len(kept) == MOST_IMMEDIATE)
        if why:
            refused.append(f"{_shown(choice.action)}: {why}")
            continue
        seen.add(key)
        kept.append(_planned(len(kept) + 1, by_id[choice.action], choice, severity, approval_reasons))
    criteria = [metric.name for metric in catalogue.metrics if metric.healthy]
    chosen = [name for name in dict.fromkeys(answer.success_criteria) if name in criteria][:MOST_METRICS]
    required = [metric.name for metric in catalogue.metrics if metric.required and metric.name in criteria]
    strangers = [name for name in answer.success_criteria if name not in criteria]
    refused += [f"{_shown(name)}: no metric that tells when the service is well" for name in strangers]
    return ActionPlan(
        immediate=tuple(kept),
        follow_up=texts(answer.follow_up, MOST_FOLLOW_UPS),
        watched_metrics=tuple(dict.fromkeys([*required, *chosen])),
        watch=timedelta(minutes=min(LONGEST_WATCH, max(1, answer.watch_minutes))),
        refused=tuple(refused[:MOST_REFUSED]),
    )


def auto_remediation(
    catalogue: ActionCatalogue, severity: Severity, service: str, values: Mapping[str, float]
) -> PlannedAction | None:
    """The one action that may run while the incident is still looked into: no answer of Claude's takes part in it.

    It is automatic, answers to no deployment, reaches less than the platform, can be verified, and its precondition
    holds on the present values. Of several the one that reaches least is taken, then the first by id. A parameter
    takes the first of its choices; an inventory must leave no choice.
    """
    if not severity.auto_remediable or service not in catalogue.services:
        return None
    for action in sorted(catalogue.actions, key=lambda one: (_REACH[one.blast_radius], one.id)):
        if not _automatic(action) or action.precondition is None:
            continue
        judged = judge(action.precondition, values)
        parameters = _only_values(action, catalogue, service)
        if judged.holds and parameters is not None:
            reason = f"its precondition holds: {judged.why}"
            return PlannedAction(number=1, action=action, parameters=parameters, reason=reason, needs_approval=False)
    return None


def params(action: CatalogueAction, step: ActionStep, values: Mapping[str, str]) -> JsonObject:
    """The parameters of a call with the values put in, each once and never looked at again.

    A text that is one placeholder takes the parameter's type. Raises ParameterError.
    """
    return filled(action.parameters, step, values)


def filled(parameters: Sequence[ActionParameter], step: ActionStep, values: Mapping[str, str]) -> JsonObject:
    """As `params`, for a step whose action may not be whole yet. Raises ParameterError."""
    known = {one.name: one for one in parameters}
    if known.keys() != values.keys():
        wrong = ", ".join(sorted(known.keys() ^ values.keys()))
        raise ParameterError(f"parameters do not fit: {clip(wrong, 100)}")
    return {name: _filled(value, known, values) for name, value in step.params.items()}


def placeholders(value: JsonValue) -> tuple[str, ...]:
    """Names of all placeholders in a value."""
    if isinstance(value, str):
        return tuple(_PLACEHOLDER.findall(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return tuple(name for one in inner for name in placeholders(one))


def _filled(value: JsonValue, known: Mapping[str, ActionParameter], given: Mapping[str, str]) -> JsonValue:
    if isinstance(value, dict):
        return {name: _filled(inner, known, given) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known, given) for inner in value]
    if not isinstance(value, str):
        return value
    unknown = [name for name in placeholders(value) if name not in given]
    if unknown:
        raise ParameterError(f"there is no parameter {', '.join(unknown)}")
    whole = _PLACEHOLDER.fullmatch(value)
    if whole is not None and known[whole[1]].type == "integer":
        return _integer(given[whole[1]])
    return _PLACEHOLDER.sub(lambda match: given[match[1]], value)


def _integer(text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII) is None:
        raise ParameterError("a value is no whole number")
    return int(text)


def _refusal(choice: ChosenAction, allowed: Mapping[str, OfferedAction], *, repeated: bool, full: bool) -> str:
    """Why a choice is not taken; empty when it is."""
    action = allowed.get(choice.action)
    if action is None:
        return "it was not offered"
    given = choice.values
    if given is None:
        return "a parameter is given twice"
    if given.keys() != action.parameters.keys():
        wrong = sorted(given.keys() ^ action.parameters.keys())
        return f"its parameters do not fit: {', '.join(map(_shown, wrong[:5]))}"
    for name, value in given.items():
        if value not in action.parameters[name]:
            return f"{name} may not be {_shown(value)}"
    if repeated:
        return "it is in the plan already"
    return f"a plan has at most {MOST_IMMEDIATE} actions" if full else ""


def _planned(
    number: int, action: CatalogueAction, choice: ChosenAction, severity: Severity, reasons: Sequence[str]
) -> PlannedAction:
    why = list(reasons)
    if action.approval == "needed":
        why.append("the catalogue asks for it")
    if action.blast_radius == "platform":
        why.append("it reaches the whole platform")
    if severity.level >= PEOPLE_DECIDE:
        why.append(f"the severity is {severity.level}")
    return PlannedAction(
        number=number,
        action=action,
        parameters=choice.values or {},
        reason=one_line(choice.reason),
        needs_approval=bool(why),
        approval_reason="; ".join(why),
    )


def _automatic(action: CatalogueAction) -> bool:
    return action.approval == "auto" and action.blast_radius != "platform" and action.verify is not None


def _only_values(action: CatalogueAction, catalogue: ActionCatalogue, service: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for parameter in action.parameters:
        values = allowed_values(parameter, catalogue, service)
        first = next(iter(values), None)
        if first is None or (parameter.inventory and len(values) > 1):
            return None
        found[parameter.name] = first
    return found


def _shown(text: str) -> str:
    """A text from outside in a reason: short, on one line, in quotes."""
    return repr(clip(one_line(text), 60))
