"""Checks of what expressions read: steps, inputs, events and records, and whether they are there by then."""

from dataclasses import dataclass, field, replace

from towpath.engine.checks.cycles import repeated, with_runs, with_visits
from towpath.engine.checks.flow import Flow
from towpath.engine.expression.nodes import Reference
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.copying import base_of
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.outputs import EVENT, RECORD, RUN, JsonSchema, member, output_schema
from towpath.engine.language.plan import Plan
from towpath.engine.language.shapes import as_object, item
from towpath.engine.language.source import Source
from towpath.engine.language.steps import ClaudeConfig, OnErrorDefault
from towpath.engine.language.turns import items_around


@dataclass(frozen=True)
class ReadScope:
    """What a text may read. `reader` is the node that evaluates it, None for what is evaluated at the end of a run.

    `run` is false before there is one, in triggers; `anytime` says that no step needs to have ended.
    """

    reader: int | None = None
    extra: dict[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])
    secrets: bool = False
    run: bool = True
    anytime: bool = False
    outside: int | None = None
    """A group of which the reader stands for the beginning: what is in it is not there yet."""

    def also(self, **roots: JsonSchema) -> "ReadScope":
        return replace(self, extra={**self.extra, **roots})


class ReadChecks:
    """One read of a root at a time."""

    def __init__(self, source: Source, plan: Plan, catalogue: DefinitionCatalogue) -> None:
        self._source = source
        self._plan = plan
        self._catalogue = catalogue
        self._flow = Flow(plan) if len(plan.order) == len(plan.nodes) else None
        self._outputs: dict[str, JsonSchema] = {}
        self._repeated = repeated(plan)
        header = plan.definition.header
        self._inputs: JsonSchema = {
            "type": "object",
            "properties": dict(header.inputs),
            "required": [name for name, schema in header.inputs.items() if schema.get("x-optional") is not True],
            "additionalProperties": False,
        }

    def check(self, reference: Reference, path: Path, at: int, context: ReadScope) -> None:
        root = reference.path[0]
        if root in context.extra:
            self._properties(context.extra[root], reference, 1, path, at)
        elif root == "inputs" and context.run:
            self._properties(self._inputs, reference, 1, path, at)
        elif root == "steps" and context.run:
            self._step(reference, path, at, context)
        elif root == "run" and context.run:
            self._run(reference, path, at, context)
        elif root == "event" and context.run:
            self._event(reference, path, at)
        elif root == "secrets":
            self._secret(reference, path, at, context)
        else:
            known = [*context.extra, *(("inputs", "event", "steps", "run") if context.run else ())]
            what = f"{root} is not known here"
            self._source.report(path, "read.unknown", what, did_you_mean(root, known)[2:], at=at)

    def _step(self, reference: Reference, path: Path, at: int, context: ReadScope) -> None:
        if len(reference.path) == 1:
            if reference.computed:
                what = "which step this reads cannot be told before it runs"
                self._source.report(path, "read.computed-step", what, "name the step: steps.ID", at=at)
            return
        step = self._plan.seen_as(reference.path[1], context.reader)
        if step in self._source.unread:
            return
        if step not in self._plan.by_id:
            ids = [node.id for node in self._plan.nodes if not node.anonymous]
            hint = did_you_mean(step, ids)[2:]
            self._source.report(path, "read.unknown-step", f"there is no step {step!r}", hint, at=at)
            return
        if self._is_of_an_item(step, f"steps.{{}}[0].{base_of(step)}", path, at, context):
            return
        if not self._has_ended(step, reference, path, at, context):
            return
        if not reference.guarded and self._may_lack(step, context.reader):
            what = f"{base_of(step)} may have been skipped, or failed, and then has no output"
            self._source.report(path, "read.maybe-skipped", what, f"write steps.{step}?.… ?? a default", at=at)
        self._properties(self._output(step), reference, 2, path, at)
        self._default(step, reference, path, at)

    def _default(self, step: str, reference: Reference, path: Path, at: int) -> None:
        """A step that fails gives its default: what is read of its output is there as well, or told to be missing."""
        on_error = None if (node := self._plan.node(step).step) is None else node.on_error
        if not isinstance(on_error, OnErrorDefault) or reference.guarded:
            return
        value = on_error.default
        for key in reference.path[2:]:
            if isinstance(value, str) and "{{" in value:
                return
            there, value = item(value, key)
            if not there:
                what = f"when {step} fails it gives its default, which has no {key!r}"
                mend = f"add {key} to on_error.default of {step}, or write steps.{step}?.{key} ?? a default"
                self._source.report(path, "read.default-lacks", what, mend, at=at)
                return

    def _is_of_an_item(self, step: str, read: str, path: Path, at: int, context: ReadScope) -> bool:
        """Whether a step is done once for each item, and it is not the reader's own item."""
        own = set[int]() if context.reader is None else {*items_around(self._plan, context.reader)} - {context.outside}
        foreign = [group for group in items_around(self._plan, self._plan.by_id[step]) if group not in own]
        if foreign:
            group = self._plan.nodes[foreign[0]].id
            what = f"{base_of(step)} is done for each item of {group}, and here it is not known for which"
            self._source.report(path, "read.of-item", what, f"read {read.format(group)}", at=at)
        return bool(foreign)

    def _has_ended(self, step: str, reference: Reference, path: Path, at: int, context: ReadScope) -> bool:
        if context.anytime and not reference.guarded:
            what = f"{step} may not have run when this is evaluated"
            self._source.report(path, "read.not-before", what, f"write steps.{step}?.… ?? a default", at=at)
            return False
        return context.anytime or context.reader is None or self._is_before(step, context.reader, reference, path, at)

    def _is_before(self, step: str, reader: int, reference: Reference, path: Path, at: int) -> bool:
        """Whether a step has settled when another one reads it, or the read provides for its being late."""
        if self._flow is None:
            return True
        index = self._plan.by_id[step]
        if self._flow.settled_before(index, reader):
            return True
        step, name = base_of(step), base_of(self._plan.nodes[reader].id)
        is_raced = self._flow.raced_before(index, reader)
        if reference.guarded and (is_raced or self._comes_again(index, reader)):
            return True
        if is_raced:
            what, mend = f"{step} may not be among the first of its group", f"write steps.{step}?.… ?? a default"
            self._source.report(path, "read.maybe-skipped", what, mend, at=at)
            return False
        if self._comes_again(index, reader):
            return self._is_early(step, name, path, at)
        if index == reader:
            what, mend = f"{step} has no output yet", "in compensate, read output: it is what the step gave"
        else:
            what = f"{step} is not always finished before {name} starts"
            mend = f"move it before {name}, or add needs: [{step}] to {name}"
        self._source.report(path, "read.not-before", what, mend, at=at)
        return False

    def _is_early(self, step: str, name: str, path: Path, at: int) -> bool:
        what = f"{step} comes after {name}: in the first visit it has given nothing yet"
        self._source.report(path, "read.maybe-skipped", what, f"write steps.{step}?.… ?? a default", at=at)
        return False

    def _comes_again(self, index: int, reader: int) -> bool:
        """Whether a step that comes later is in a cycle with the reader: what it gave in the visit before is there."""
        shared = {node.index for node in self._plan.cycles(index)} & {node.index for node in self._plan.cycles(reader)}
        is_later = self._flow is not None and self._flow.settled_before(reader, index)
        return bool(shared) and (index == reader or is_later)

    def _may_lack(self, step: str, reader: int | None) -> bool:
        if self._flow is None:
            return False
        index = self._plan.by_id[step]
        if reader is None:
            return self._flow.is_cut_short(index, None) or self._flow.may_be_skipped(index)
        return self._flow.may_lack_output(index, reader)

    def _event(self, reference: Reference, path: Path, at: int) -> None:
        """What started the run: there only when an event or a webhook did."""
        kinds = {trigger.type for trigger, _ in self._plan.definition.triggers}
        if not kinds & {"event", "webhook"}:
            what, mend = "no event starts this definition, so there is none to read", "add a trigger, or read inputs"
            self._source.report(path, "read.unknown", what, mend, at=at)
            return
        if "schedule" in kinds and not reference.guarded:
            what = "a run that its schedule starts has no event"
            mend = "read inputs, or write event?.… ?? a default"
            self._source.report(path, "read.maybe-missing", what, mend, at=at, severity="warning")
        self._properties(EVENT, reference, 1, path, at)

    def _run(self, reference: Reference, path: Path, at: int, context: ReadScope) -> None:
        if len(reference.path) < 3 or reference.path[1] != "steps":
            self._properties(RUN, reference, 1, path, at)
            return
        step = self._plan.seen_as(reference.path[2], context.reader)
        if step in self._source.unread:
            return
        if step not in self._plan.by_id:
            hint = did_you_mean(step, self._plan.by_id)[2:]
            self._source.report(path, "read.unknown-step", f"there is no step {step!r}", hint, at=at)
        elif self._is_of_an_item(step, "run.steps.{}", path, at, context):
            return
        elif reference.guarded or self._has_ended(step, reference, path, at, context):
            self._properties(self._record(step), reference, 3, path, at)

    def _secret(self, reference: Reference, path: Path, at: int, context: ReadScope) -> None:
        name = reference.path[1] if len(reference.path) > 1 else ""
        if not context.secrets:
            what = "a secret may stand only in what an http, api or function step sends"
            self._source.report(path, "secret.place", what, "move it into the step that needs it", at=at)
        elif not name:
            self._source.report(path, "secret.name", "which secret?", "write secrets.NAME", at=at)
        elif self._catalogue.secrets is not None and name not in self._catalogue.secrets:
            hint = did_you_mean(name, self._catalogue.secrets)[2:] or "set it in TOWPATH_SECRETS"
            self._source.report(path, "secret.unknown", f"there is no secret {name!r}", hint, at=at)

    def _properties(self, schema: JsonSchema, reference: Reference, begin: int, path: Path, at: int) -> None:
        """Follow a path through a schema; what cannot be there, or may be missing, is told."""
        root, current = schema, schema
        so_far = ".".join(reference.path[:begin])
        for key in reference.path[begin:]:
            found, always = member(current, key, root)
            if found is None:
                known = as_object(current.get("properties")) or {}
                hint = self._schemaless(reference) or did_you_mean(key, known)[2:] or _adding(so_far, key)
                code = "read.unknown-input" if so_far == "inputs" else "read.unknown-field"
                self._source.report(path, code, f"{so_far} has no {key!r}", hint, at=at)
                return
            if not always and not reference.guarded:
                what = f"{so_far}.{key} may be missing"
                mend = f"write {so_far}?.{key} ?? a default, or require it"
                self._source.report(path, "read.maybe-missing", what, mend, at=at, severity="warning")
                return
            current, so_far = found, f"{so_far}.{key}"

    def _schemaless(self, reference: Reference) -> str:
        """How a field comes to be in the answer of a claude step that says nothing of its form."""
        index = self._plan.by_id.get(reference.path[1]) if reference.path[0] == "steps" else None
        config = None if index is None else self._plan.nodes[index].config
        if not isinstance(config, ClaudeConfig) or config.output_schema is not None:
            return ""
        return f"without output_schema a claude step gives only text: add an output_schema to {reference.path[1]}"

    def _output(self, step: str) -> JsonSchema:
        if step not in self._outputs:
            found = output_schema(self._plan.node(step), self._catalogue)
            self._outputs[step] = with_runs(found) if step in self._repeated else found
        return self._outputs[step]

    def _record(self, step: str) -> JsonSchema:
        return with_visits(RECORD) if step in self._repeated else RECORD

    def schema_of(self, keys: tuple[str, ...], context: ReadScope) -> JsonSchema:
        """The schema of a path of constant keys; {} when it is not known."""
        root = keys[0]
        if root in context.extra:
            schema, rest = context.extra[root], keys[1:]
        elif root == "inputs" and context.run:
            schema, rest = self._inputs, keys[1:]
        elif root == "steps" and len(keys) > 1 and self._plan.seen_as(keys[1], context.reader) in self._plan.by_id:
            schema, rest = self._output(self._plan.seen_as(keys[1], context.reader)), keys[2:]
        elif root == "run" and len(keys) == 2:
            schema, rest = RUN, keys[1:]
        elif root == "run" and len(keys) > 3 and keys[1] == "steps":
            schema, rest = self._record(keys[2]), keys[3:]
        else:
            return {}
        whole = schema
        for key in rest:
            found, _ = member(schema, key, whole)
            if found is None:
                return {}
            schema = found
        return schema


def _adding(place: str, key: str) -> str:
    """How a field comes to be where nothing is known to stand."""
    return f"add inputs: {{{key}: {{type: string}}}}" if place == "inputs" else f"{place} is no object with fields"
