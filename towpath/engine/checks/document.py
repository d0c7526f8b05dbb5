"""Checks of everything around the steps: inputs, triggers, outputs, error handling, alerts, tests; and of the graph."""

from typing import Any

from towpath.engine.checks.clocks import check_clocks
from towpath.engine.checks.cycles import check_cycles
from towpath.engine.checks.documents import check_documents
from towpath.engine.checks.expressions import ExpressionChecks
from towpath.engine.checks.flow import Flow
from towpath.engine.checks.groups import check_groups, check_offers
from towpath.engine.checks.inputs import SENSITIVE, violations
from towpath.engine.checks.reads import ReadScope
from towpath.engine.checks.schemas import check_schema
from towpath.engine.checks.secrets import check_secrets
from towpath.engine.checks.steps import StepChecks
from towpath.engine.checks.tests import check_tests
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.copying import base_of
from towpath.engine.language.cron import cron_problem
from towpath.engine.language.definition import EventTrigger, Notification, ScheduleTrigger, Trigger, WebhookTrigger
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.emission import EmitConfig
from towpath.engine.language.outputs import EVENT, TEXT
from towpath.engine.language.plan import Plan, waits_for
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import Retry

ALERT_CHANNELS = frozenset({"slack", "email"})
DURATION = {"x-kind": "duration"}
ALERT_ROOTS: dict[str, dict[str, Any]] = {
    "execution_time": DURATION,
    "step_duration": DURATION,
    "success_rate": {"type": "number"},
}


class DocumentChecks:
    def __init__(
        self,
        source: Source,
        plan: Plan,
        catalogue: DefinitionCatalogue,
        expressions: ExpressionChecks,
        steps: StepChecks,
    ) -> None:
        self._source = source
        self._plan = plan
        self._catalogue = catalogue
        self._expressions = expressions
        self._steps = steps
        self._flow = Flow(plan)

    def check(self) -> None:
        check_secrets(self._source)
        check_documents(self._source, self._plan.definition.header, self._catalogue, self._steps.server)
        self._graph()
        check_groups(self._source, self._plan)
        check_offers(self._source, self._plan)
        check_cycles(self._source, self._plan)
        self._inputs()
        endpoints: dict[str, Path] = {}
        for trigger, path in self._plan.definition.triggers:
            self._trigger(trigger, path, endpoints)
        header = self._plan.definition.header
        self._expressions.templates(header.outputs, ("outputs",), ReadScope())
        self._expressions.templates(header.output, ("output",), ReadScope())
        if header.output is not None and header.outputs is not None:
            what = "a run gives one value by output, or named ones by outputs, not both"
            self._source.report(("output",), "output.both", what, "take one of them out", key=True)
        self._handling()
        self._monitoring()
        if header.cancel_on is not None:
            early = ReadScope(anytime=True)
            event = early.also(event=EVENT)
            self._expressions.condition(header.cancel_on.filter, ("cancel_on", "filter"), event)
            self._expressions.templates(header.cancel_on.correlate, ("cancel_on", "correlate"), early)
        if header.limits is not None:
            self._expressions.templates(header.limits.key, ("limits", "key"), ReadScope(anytime=True))
        check_tests(self._source, self._plan, header.tests, ("tests",))

    def _graph(self) -> None:
        plan = self._plan
        for name, path in plan.duplicates:
            self._source.report((*path, "id"), "step.duplicate", f"{name!r} is there twice", "give one another id")
        ids = [node.id for node in plan.nodes if not node.anonymous]
        for node in plan.nodes:
            for name in node.unknown:
                if name in self._source.unread or self._source.is_full:
                    continue
                hint = did_you_mean(name, ids)[2:]
                self._source.report((*node.path, "needs"), "needs.unknown", f"there is no step {name!r}", hint)
            count = len(node.needs)
            if node.wanted is not None and node.wanted > count:
                what = f"the join wants {node.wanted} of {count}: it can never come true"
                self._source.report((*node.path, "join"), "join.dead", what, "ask for fewer, or add members")
            if node.kind == "group" and not node.members:
                self._source.report((*node.path, "parallel"), "group.empty", "the group has no members", "add a step")
            self._unreachable(node.index)
        around = _cycle(plan)
        if around:
            place = plan.node(around[0]).path
            what = f"these steps wait for each other: {' → '.join([*around, around[0]])}"
            self._source.report(place, "graph.cycle", what, "take one of the needs out")
        if not plan.nodes and (as_object(self._source.value) or {}).get("steps") == []:
            self._source.report(("steps",), "steps.empty", "there are no steps", "add a step")

    def _unreachable(self, index: int) -> None:
        """A step that never runs: by its `when`, or since all that it needs is in branches that are not taken then."""
        node = self._plan.nodes[index]
        if node.step is not None and node.step.when is False:
            what = f"{base_of(node.id)} never runs: when is false"
            self._source.report((*node.path, "when"), "step.unreachable", what, "take it out", severity="warning")
        count, wanted = len(node.needs), node.wanted or 1
        if node.listed or node.unknown or wanted > count:
            return
        most = self._flow.most_completed(node)
        if node.wanted is not None and most < wanted:
            what = f"of its {count} needs only {most} can complete in one run: the join of {wanted} never comes true"
            self._source.report((*node.path, "join"), "join.dead", what, "ask for fewer, or take needs out")
        elif most == 0:
            needs = ", ".join(base_of(self._plan.nodes[need].id) for need in node.needs)
            what = f"{needs}: in the other branch, so {base_of(node.id)}"
            self._source.report((*node.path, "needs"), "step.unreachable", f"{what} never runs", "take it out of needs")

    def _inputs(self) -> None:
        for name, schema in self._plan.definition.header.inputs.items():
            path = ("inputs", name)
            if not check_schema(self._source, schema, path) or "default" not in schema:
                continue
            if schema.get(SENSITIVE) is True:
                self._source.report((*path, "default"), "secret.plain", "a secret has no default", "leave it out")
            for problem in violations(schema, schema["default"]):
                what = f"the default does not keep its own schema: {problem.partition(': ')[2]}"
                self._source.report((*path, "default"), "input.default", what, "change one of them")

    def _trigger(self, trigger: Trigger, path: Path, endpoints: dict[str, Path]) -> None:
        context = ReadScope(extra={"event": EVENT}, run=False)
        if isinstance(trigger, WebhookTrigger):
            if trigger.endpoint in endpoints:
                what = f"{trigger.endpoint} is there twice"
                self._source.report((*path, "endpoint"), "trigger.duplicate", what, "give one another path")
            endpoints[trigger.endpoint] = path
            self._expressions.templates(trigger.dedup, (*path, "dedup"), context)
            self._expressions.condition(trigger.filter, (*path, "filter"), context)
        elif isinstance(trigger, EventTrigger):
            self._expressions.condition(trigger.filter, (*path, "filter"), context)
            self._expressions.templates(trigger.correlate, (*path, "correlate"), context)
            self._circle(trigger)
        else:
            context = self._schedule(trigger, path)
        self._expressions.templates(trigger.inputs, (*path, "inputs"), context)
        self._coverage(trigger, path)

    def _circle(self, trigger: EventTrigger) -> None:
        """A definition that emits what starts it."""
        for node in self._plan.steps():
            if isinstance(node.config, EmitConfig) and node.config.type == trigger.source:
                place = (*node.path, "config", "type")
                what = f"each run starts another one by {trigger.source}, unless the trigger's filter ends it"
                mend = "emit another type, or leave these events out in the trigger's filter"
                self._source.report(place, "emit.circle", what, mend, severity="warning")

    def _schedule(self, trigger: ScheduleTrigger, path: Path) -> ReadScope:
        problem = cron_problem(trigger.cron)
        if problem is not None:
            self._source.report((*path, "cron"), "cron.invalid", *problem)
        else:
            check_clocks(self._source, trigger, path, self._catalogue.today)
        zones = self._catalogue.timezones
        if zones is not None and trigger.timezone not in zones:
            hint = did_you_mean(trigger.timezone, zones)[2:]
            what = f"there is no time zone {trigger.timezone!r}"
            self._source.report((*path, "timezone"), "timezone.unknown", what, hint)
        self._steps.durations(ScheduleTrigger, self._source.value_at(path), path)
        context = ReadScope(run=False)
        loop = trigger.for_each
        if loop is None:
            return context
        self._steps.loop_name(loop.as_, (*path, "for_each"))
        self._expressions.templates(loop.in_, (*path, "for_each", "in"), context)
        self._expressions.templates(loop.params, (*path, "for_each", "params"), context)
        self._expressions.templates(loop.items, (*path, "for_each", "items"), context.also(output={}))
        operations = self._catalogue.services.get(loop.service or "")
        if loop.service is not None and operations is None:
            hint = did_you_mean(loop.service, self._catalogue.services)[2:]
            what = f"there is no service {loop.service!r}"
            self._source.report((*path, "for_each", "service"), "service.unknown", what, hint)
        elif operations is not None and (loop.method or "") not in operations:
            hint = did_you_mean(loop.method or "", operations)[2:]
            what = f"{loop.service} has no operation {loop.method!r}"
            self._source.report((*path, "for_each", "method"), "method.unknown", what, hint)
        return context.also(**{loop.as_: {}, "index": {"type": "integer"}})

    def _coverage(self, trigger: Trigger, path: Path) -> None:
        """Inputs that must be given, against those that the trigger gives."""
        header = self._plan.definition.header
        for name in trigger.inputs or {}:
            if name not in header.inputs:
                hint = did_you_mean(name, header.inputs)[2:]
                self._source.report(
                    (*path, "inputs", name), "input.unknown", f"there is no input {name!r}", hint, key=True
                )
        if isinstance(trigger, WebhookTrigger | EventTrigger) and trigger.inputs is None:
            return
        needed = [
            name
            for name, schema in header.inputs.items()
            if "default" not in schema and schema.get("x-optional") is not True and name not in (trigger.inputs or {})
        ]
        for name in needed:
            what = f"this trigger gives no {name!r}, which a run needs"
            mend = f"add inputs: {{{name}: …}} to it"
            self._source.report(path, "trigger.input-missing", what, mend, severity="warning")

    def _handling(self) -> None:
        path: Path = ("error_handling", "fallback")
        for index, entry in enumerate(self._plan.definition.fallback):
            if isinstance(entry, Notification):
                self._steps.team(entry.target, (*path, index, "target"))
                context = ReadScope(extra={"error": TEXT, "failed_step": TEXT}, anytime=True)
                written = as_object(self._source.value_at((*path, index))) or {}
                self._expressions.templates(written.get("message"), (*path, index, "message"), context)
        retry: Path = ("error_handling", "retry")
        self._steps.durations(Retry, self._source.value_at(retry), retry)
        self._steps.retry(self._plan.definition.header.error_handling.retry, retry)

    def _monitoring(self) -> None:
        for index, alert in enumerate(self._plan.definition.header.monitoring.alerts):
            path: Path = ("monitoring", "alerts", index)
            context = ReadScope(extra=ALERT_ROOTS, anytime=True)
            self._expressions.condition(alert.condition, (*path, "condition"), context)
            self._expressions.templates(alert.message, (*path, "message"), context)
            self._steps.team(alert.channel, (*path, "channel"), ALERT_CHANNELS)


def _cycle(plan: Plan) -> list[str]:
    """Ids on one cycle, in order; empty when there is none."""
    done = set(plan.order)
    left = [node.index for node in plan.nodes if node.index not in done]
    if not left:
        return []
    stuck = set(left)
    current, trail = left[0], list[int]()
    while current not in trail:
        trail.append(current)
        current = next(need for need in waits_for(plan.nodes, plan.nodes[current]) if need in stuck)
    return [plan.nodes[index].id for index in trail[trail.index(current) :]]
