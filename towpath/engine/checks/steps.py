"""Checks of single steps: their texts, durations and secrets, and what makes no sense for their type."""

from dataclasses import replace
from typing import Any

from towpath.engine.checks.catches import CatchChecks, check_retry
from towpath.engine.checks.configs import ConfigChecks
from towpath.engine.checks.expressions import ExpressionChecks
from towpath.engine.checks.marks import durations
from towpath.engine.checks.reads import ReadScope
from towpath.engine.checks.selecting import check_select
from towpath.engine.checks.types import TypeChecks
from towpath.engine.expression.durations import parse_duration
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownConnection, KnownDocument
from towpath.engine.language.copying import BRANCH, written_name
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.http_step import OpenApiConfig
from towpath.engine.language.model import Model
from towpath.engine.language.outputs import (
    ANSWER,
    ERROR,
    EVENT,
    TEXT,
    JsonSchema,
    closed,
    output_schema,
)
from towpath.engine.language.plan import Plan, PlanNode, caught_at
from towpath.engine.language.reading import read_config
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import CONFIGS, ApiConfig, ForEach, FunctionConfig, Retry, Step, StepCall
from towpath.engine.language.turns import items_around
from towpath.engine.language.vocabulary import LIMITED, NO_LOOP, NO_UNDO, SENDING, TAKEN

OFFERED = "enabled_while"
"""Looked at for as long as its step is not done, whatever else has ended by then."""
LATE = frozenset({"until", "filter", "done", OFFERED})
RAW = frozenset({"output_schema", "form"})


class StepChecks:
    """Every step of a plan, one by one."""

    def __init__(
        self, source: Source, plan: Plan, catalogue: DefinitionCatalogue, expressions: ExpressionChecks
    ) -> None:
        self._plan = plan
        self._source = source
        self._catalogue = catalogue
        self._expressions = expressions
        self._configs = ConfigChecks(source, catalogue)
        self._types = TypeChecks(source, expressions)
        self._catches = CatchChecks(source)
        self._items: dict[int, dict[str, JsonSchema]] = {}
        """By group with `for_each`: what its members read of their item."""

    def check(self, node: PlanNode) -> None:
        step = node.step
        self._catches.check(node)
        if node.group is not None and node.group.for_each is not None:
            self._of_items(node, node.group.for_each)
        if step is None:
            return
        path = (*node.path, "config")
        self._texts(node)
        self._common(node)
        self._configs.check(node.config, path)

    def server(self, url: str, path: Path, connection: KnownConnection) -> None:
        self._configs.server(url, path, connection)

    def team(self, name: str, path: Path, also: frozenset[str] = frozenset()) -> None:
        self._configs.team(name, path, also)

    def durations(self, model: type[Model], written: Any, path: Path) -> None:
        """Every duration that is written out, anywhere in what the model reads."""
        for place, text in durations(model, written, path):
            if "{{" not in text and parse_duration(text) is None:
                what = f"{text!r} is no duration of up to ten years"
                self._source.report(place, "duration.invalid", what, "write it like 30s, 5m, 24h or 1h30m")

    def retry(self, retry: Retry | None, path: Path) -> None:
        check_retry(self._source, retry, path)

    def loop_name(self, name: str, path: Path) -> None:
        if name in TAKEN:
            what = f"{name!r} means something already"
            self._source.report((*path, "as"), "for-each.name", what, "choose another name, like item")

    def _texts(self, node: PlanNode) -> None:
        step = node.step
        if step is None:
            return
        base = node.path
        written = as_object(self._source.value_at(base)) or {}
        errors = self._names(node)
        here = ReadScope(node.index, errors)
        if step.for_each is not None:
            here = here.also(**self._item(step.for_each, (*base, "for_each"), here))
        sending = ReadScope(node.index, here.extra, secrets=step.type in SENDING)
        output = output_schema(node, self._catalogue)
        self._config(as_object(written.get("config")) or {}, (*base, "config"), sending, output, step.type)
        self._parameters(node.config, (*base, "config", "params"), sending)
        limits = None if step.limits is None else step.limits.key
        self._expressions.templates(limits, (*base, "limits", "key"), ReadScope(node.index, here.extra))
        plain = ReadScope(node.index, errors)
        self._expressions.condition(step.when, (*base, "when"), plain)
        if step.cache is not None:
            self._expressions.templates(step.cache.key, (*base, "cache", "key"), plain)
        self._belonging(written, node, here, errors, output)
        default = as_object(written.get("on_error"))
        if default is not None:
            self._expressions.templates(default.get("default"), (*base, "on_error", "default"), plain)
        if step.cancel_on is not None:
            event = plain.also(event=EVENT)
            self._expressions.condition(step.cancel_on.filter, (*base, "cancel_on", "filter"), event)
            self._expressions.templates(step.cancel_on.correlate, (*base, "cancel_on", "correlate"), plain)

    def _names(self, node: PlanNode) -> dict[str, JsonSchema]:
        """What a step reads besides the roots: items of the groups around it, errors that it handles, its branch."""
        found: dict[str, JsonSchema] = {}
        for group in items_around(self._plan, node.index):
            found |= self._items.get(group, {})
        found |= {written_name(entry.as_): ERROR for entry in caught_at(self._plan, node) if entry.as_ is not None}
        if node.branch is not None:
            found[BRANCH] = closed(id=TEXT, output=output_schema(self._plan.nodes[node.branch], self._catalogue))
        return found

    def _item(self, loop: ForEach, path: Path, here: ReadScope) -> dict[str, JsonSchema]:
        """The names of one item, once all that a loop reads is checked."""
        self._expressions.templates(loop.in_, (*path, "in"), here)
        item = self._types.items(loop.in_, (*path, "in"), here) if loop.times is None else {"type": "integer"}
        if loop.on_event is not None:
            item = EVENT
            self._expressions.templates(loop.correlate, (*path, "correlate"), here)
            self._expressions.condition(loop.filter, (*path, "filter"), here.also(event=EVENT))
            closing = here.also(**{loop.as_: item, "index": {"type": "integer"}})
            self._expressions.condition(loop.until, (*path, "until"), closing)
        return {loop.as_: item, "index": {"type": "integer"}}

    def _of_items(self, node: PlanNode, loop: ForEach) -> None:
        """A group that is done for each item."""
        path, names = (*node.path, "for_each"), self._names(node)
        written = as_object(self._source.value_at(path)) or {}
        self.durations(ForEach, written, path)
        self._loop(None, loop, path)
        if loop.as_ in names:
            what = f"{loop.as_!r} means something already"
            self._source.report((*path, "as"), "for-each.name", what, "choose another name: around it, it is taken")
        reader = node.members[0] if node.members else None
        self._items[node.index] = self._item(loop, path, ReadScope(reader, names, outside=node.index))

    def _belonging(
        self,
        written: dict[str, Any],
        node: PlanNode,
        here: ReadScope,
        errors: dict[str, JsonSchema],
        output: JsonSchema,
    ) -> None:
        """Calls that belong to a step: what undoes it, what asks whether it happened."""
        for part in ("compensate", "check"):
            given = as_object(written.get(part))
            if given is not None:
                # Items are checked one by one, and undone together: what undoes them reads the list of their results.
                names = {**errors, "output": output} if part == "compensate" else {**here.extra, "output": {}}
                after = ReadScope(node.index, names, secrets=True)
                self._expressions.templates(given.get("config"), (*node.path, part, "config"), after)
                done = given.get("done")
                self._expressions.condition(done if isinstance(done, str) else None, (*node.path, part, "done"), after)

    def _parameters(self, config: Model | dict[str, Any] | None, path: Path, context: ReadScope) -> None:
        """Templates in parameters against what the function or the operation takes."""
        schema: JsonSchema | None = None
        if isinstance(config, FunctionConfig):
            function = self._catalogue.functions.get(config.handler)
            schema = None if function is None else dict(function.params)
        elif isinstance(config, ApiConfig):
            operation = self._catalogue.services.get(config.service, {}).get(config.method)
            schema = None if operation is None else dict(operation.params)
        elif isinstance(config, OpenApiConfig):
            known = self._catalogue.documents.get(config.document, KnownDocument()).operations.get(config.operation)
            schema = None if known is None else dict(known.params)
        if schema is not None and isinstance(config, (FunctionConfig, ApiConfig, OpenApiConfig)):
            self._types.fits(config.params, schema, schema, path, context)

    def _config(self, given: dict[str, Any], path: Path, context: ReadScope, output: dict[str, Any], kind: str) -> None:
        if kind == "set":
            self._expressions.templates(given, path, context)
            return
        for name, value in given.items():
            if name in RAW or (kind == "condition" and name != "if"):
                continue
            place = (*path, name)
            if name == "if" or (name in LATE and kind != "wait"):
                late = replace(context, anytime=True) if name == OFFERED else context
                self._expressions.condition(value if isinstance(value, str) else None, place, late)
            elif name == "filter":
                self._expressions.condition(value if isinstance(value, str) else None, place, context.also(event=EVENT))
            elif name in {"poll", "paging"}:
                self._of_answers(name, value, place, context, output)
            elif kind == "wait-any" and name == "on":
                for choice, inner in (as_object(value) or {}).items():
                    self._config(as_object(inner) or {}, (*place, choice), context, output, "wait")
            else:
                self._expressions.templates(value, place, context)
        for index, case in enumerate(as_list(given.get("switch")) or []):
            text = (as_object(case) or {}).get("case")
            self._expressions.condition(
                text if isinstance(text, str) else None, (*path, "switch", index, "case"), context
            )

    def _of_answers(self, name: str, value: Any, path: Path, context: ReadScope, output: dict[str, Any]) -> None:
        """What is asked of each answer to an http step."""
        if name == "paging":
            self._expressions.templates(value, path, context.also(output=ANSWER))
            return
        until = (as_object(value) or {}).get("until")
        condition = until if isinstance(until, str) else None
        self._expressions.condition(condition, (*path, "until"), context.also(output=output))

    def _common(self, node: PlanNode) -> None:
        step, path = node.step, node.path
        if step is None:
            return
        written = as_object(self._source.value_at(path)) or {}
        self.durations(Step, written, path)
        model = CONFIGS[step.type]
        if model is not None:
            self.durations(model, written.get("config"), (*path, "config"))
        if step.for_each is not None:
            self._loop(step, step.for_each, (*path, "for_each"))
        if step.limits is not None and step.type not in LIMITED:
            what = f"a {step.type} step calls nothing that has limits"
            self._source.report((*path, "limits"), "step.no-effect", what, "leave limits out", key=True)
        self.retry(step.retry, (*path, "retry"))
        check_select(self._source, self._catalogue, node)
        if step.compensate is not None and step.type in NO_UNDO:
            what = f"a {step.type} step has nothing to undo"
            self._source.report((*path, "compensate"), "step.no-effect", what, "leave compensate out", key=True)
        for name, call in (("compensate", step.compensate), ("check", step.check)):
            if call is not None:
                self._call(call, (as_object(written.get(name)) or {}).get("config"), (*path, name, "config"))

    def _loop(self, step: Step | None, loop: ForEach, path: Path) -> None:
        self.loop_name(loop.as_, path)
        if step is not None and step.type in NO_LOOP:
            what = f"a {step.type} step has no for_each"
            self._source.report(path, "step.no-effect", what, "put it into a parallel group with for_each", key=True)
        if sum(given is not None for given in (loop.in_, loop.times, loop.on_event)) != 1:
            what = "give one of in, times and on_event"
            self._source.report(path, "for-each.shape", what, "write in:, times: or on_event:")
        _check_arriving(self._source, loop, path)
        if loop.max_failures is not None and loop.on_item_error == "fail" and loop.on_event is None:
            what = "max_failures counts nothing where the first failure ends the step"
            self._source.report((*path, "max_failures"), "for-each.shape", what, "add on_item_error: collect", key=True)
        if step is not None and step.cache is not None:
            what = "a step with for_each is not cached"
            self._source.report((*path[:-1], "cache"), "step.no-effect", what, "leave cache out", key=True)

    def _call(self, call: StepCall, written: Any, path: Path) -> None:
        """What undoes or checks a step is a call like any other."""
        config = read_config(self._source, call.type, written, path)
        model = CONFIGS[call.type]
        for name in ("poll", "paging"):
            if getattr(config, name, None) is not None:
                what = f"one call is all that is made here, without {name}"
                self._source.report((*path, name), "step.no-effect", what, f"leave {name} out", key=True)
        if config is not None and model is not None:
            self.durations(model, written, path)
            self._configs.check(config, path)


def _check_arriving(source: Source, loop: ForEach, path: Path) -> None:
    """What belongs to a loop over events, and what does not."""
    if loop.on_event is not None:
        if loop.until is None and loop.within is None:
            what = "nothing closes a loop over events without until or within"
            source.report((*path, "on_event"), "for-each.shape", what, "write until: or within:", key=True)
        if loop.max_failures is not None:
            what = "max_failures is a share of items, and how many events come is not known"
            source.report((*path, "max_failures"), "for-each.shape", what, "leave it out", key=True)
        return
    for name in ("correlate", "filter", "until", "within"):
        if getattr(loop, name) is not None:
            what = f"{name} is for a loop over events"
            source.report((*path, name), "for-each.shape", what, "add on_event, or leave it out", key=True)
