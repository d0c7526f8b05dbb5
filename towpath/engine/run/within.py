"""What the members of a group with `for_each` have of the run around them for one item: what they read, no more."""

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from pydantic import JsonValue

from towpath.contracts.core.claude import Budget
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.within import Left, Within
from towpath.engine.expression.values import Value
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.shapes import as_object
from towpath.engine.run.evaluation import Evaluation, RunFacts

DURATION = "duration"
Reads = tuple[tuple[str, ...], ...]


def plan_within(plan: Plan, groups: tuple[str, ...]) -> Plan | None:
    """The plan of one item of the group that the ids lead to, if it is there."""
    found: Plan | None = plan
    for group in groups:
        found = None if found is None or group not in found.by_id else found.node(group).inner
    return found if groups else None


def inputs_read(node: PlanNode, evaluation: Evaluation) -> JsonObject:
    """The inputs that the members read."""
    return _chosen(evaluation.roots()["inputs"], node.reads, ("inputs",))


def event_read(node: PlanNode, evaluation: Evaluation) -> JsonValue:
    is_read = any(path[0] == "event" for path in node.reads)
    return cast("JsonValue", evaluation.roots()["event"]) if is_read else None


def within(
    node: PlanNode, evaluation: Evaluation, around: Within | None, names: Mapping[str, Value], name: str, budget: Budget
) -> Within:
    """What an item of the group begins with; `name` is what it is called in the run around it."""
    known = {**evaluation.errors, **names}
    facts = evaluation.facts
    records: dict[str, Value] = _chosen(evaluation.records, node.reads, ("run", "steps"))
    return Within(
        groups=(*(() if around is None else around.groups), node.id),
        run_id=facts.id,
        started_at=facts.started_at,
        names={root: known[root] for root in known if any(path[0] == root for path in node.reads)},
        steps=_chosen(evaluation.roots()["steps"], node.reads, ("steps",)),
        records={step: _in_json(as_object(record) or {}) for step, record in records.items()},
        salt=f"{facts.salt}/{name}" if facts.salt else "",
        budget=budget,
    )


def within_undo(
    node: PlanNode, evaluation: Evaluation, around: Within | None, left: Left, budget: Budget, owner: str
) -> Within:
    """What undoes an item of the group begins with."""
    facts = evaluation.facts
    return Within(
        groups=(*(() if around is None else around.groups), node.id),
        run_id=facts.id,
        started_at=facts.started_at,
        names=left.names,
        steps=left.steps,
        salt="" if left.sending is None else left.sending.salt,
        budget=budget,
        undo=left.undo,
        owner=owner,
    )


def facts_within(given: Within, facts: RunFacts) -> RunFacts:
    """What an item knows of its run is what the run around it knows."""
    return RunFacts(
        id=given.run_id,
        started_at=given.started_at,
        secrets=facts.secrets,
        event=facts.event,
        trigger=facts.trigger,
        salt=given.salt,
        language=facts.language,
    )


def names_read(node: PlanNode, evaluation: Evaluation) -> JsonObject:
    """The same for a run that does many items: `recall_names` makes it readable there."""
    basis = basis_within(node, evaluation)
    records: dict[str, Value] = _chosen(evaluation.records, node.reads, ("run", "steps"))
    told: JsonObject = {step: _in_json(as_object(record) or {}) for step, record in records.items()}
    return {**{name: basis[name] for name in ("inputs", "steps", "event", "errors")}, "records": told}


def recall_names(evaluation: Evaluation, names: JsonObject) -> None:
    """Of `names_read`, what is neither an input, nor an output, nor the event."""
    evaluation.recall(as_object(names.get("errors")) or {})
    _recall_records(evaluation, as_object(names.get("records")) or {})


def enter(evaluation: Evaluation, given: Within) -> None:
    """Make readable in the run of an item what it was given."""
    evaluation.recall(given.names)
    steps: dict[str, Value] = evaluation.roots()["steps"]
    steps.update(given.steps)
    _recall_records(evaluation, given.records)


def _recall_records(evaluation: Evaluation, records: Mapping[str, JsonObject]) -> None:
    for step, record in records.items():
        evaluation.records[step] = {**record, DURATION: timedelta(seconds=cast("float", record[DURATION]))}


def basis_within(node: PlanNode, evaluation: Evaluation) -> JsonObject:
    """All that the items of a group can be made of, beside the items."""
    reads = node.reads
    errors = {name: value for name, value in evaluation.errors.items() if any(path[0] == name for path in reads)}
    return {
        "inputs": inputs_read(node, evaluation),
        "steps": _chosen(evaluation.roots()["steps"], reads, ("steps",)),
        "event": event_read(node, evaluation),
        "config": dict(node.written),
        "errors": errors,
    }


def _chosen(found: Mapping[str, Value], reads: Reads, root: tuple[str, ...]) -> dict[str, Value]:
    """Of an object those parts that are read; all where it is read as a whole, or it is not known which."""
    read: set[str] = set()
    for path in reads:
        shared = path[: len(root)]
        if shared == root[: len(shared)]:
            read.add(path[len(root)] if len(path) > len(root) else "")
    return {name: value for name, value in found.items() if "" in read or name in read}


def _in_json(record: Mapping[str, Value]) -> JsonObject:
    length = record.get(DURATION)
    return {**record, DURATION: length.total_seconds() if isinstance(length, timedelta) else 0.0}
