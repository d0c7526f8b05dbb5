"""Checks of templates and conditions: their syntax, what they may read, and what is there when they do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from towpath.engine.catalog import Catalog
from towpath.engine.diagnostics import Path
from towpath.engine.expression.nodes import Reference
from towpath.engine.expression.template import Compiled, compile_condition, compile_template
from towpath.engine.expression.values import ExpressionError
from towpath.engine.flow import Flow
from towpath.engine.kinds import Kinds
from towpath.engine.outputs import EVENT, RUN, JsonSchema, member, output_schema
from towpath.engine.plan import Plan
from towpath.engine.shapes import as_list, as_object
from towpath.engine.source import Source
from towpath.engine.suggestions import did_you_mean

MENDS = {
    "syntax": "see docs/expressions.md",
    "limit": "make it smaller, or do it in a function",
    "missing": "give it with ??",
    "name": "see docs/expressions.md",
    "type": "compare and join values of one kind",
    "value": "see docs/expressions.md",
}
RUN_FACTS = frozenset({"status", "attempts", "error", "duration"})


@dataclass(frozen=True)
class Context:
    """What a text may read. `reader` is the node that evaluates it, None for what is evaluated at the end of a run."""

    reader: int | None = None
    extra: dict[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])
    secrets: bool = False
    run: bool = True

    def also(self, **roots: JsonSchema) -> "Context":
        return Context(self.reader, {**self.extra, **roots}, self.secrets, self.run)


class ExpressionChecks:
    """Every text of a definition goes through here once."""

    def __init__(self, source: Source, plan: Plan, catalog: Catalog) -> None:
        self._source = source
        self._plan = plan
        self._catalog = catalog
        self._flow = Flow(plan) if len(plan.order) == len(plan.nodes) else None
        self._outputs: dict[str, JsonSchema] = {}
        header = plan.definition.header
        self._inputs: JsonSchema = {
            "type": "object",
            "properties": dict(header.inputs),
            "required": [name for name, schema in header.inputs.items() if schema.get("x-optional") is not True],
            "additionalProperties": False,
        }

    def templates(self, value: Any, path: Path, context: Context) -> None:
        """A value with templates in its texts."""
        if isinstance(value, str):
            if "{{" in value:
                self._template(value, path, context)
            return
        fields, items = as_object(value), as_list(value)
        entries: Iterable[tuple[str | int, Any]] = fields.items() if fields is not None else enumerate(items or [])
        for name, inner in entries:
            self.templates(inner, (*path, name), context)

    def condition(self, text: str | bool | None, path: Path, context: Context) -> None:
        if not isinstance(text, str):
            return
        try:
            compiled = compile_condition(text)
        except ExpressionError as error:
            self._report(path, error, error.at)
            return
        self._reads(compiled, path, 0, context)
        kinds = self._kinds(compiled, path, 0, context)
        if kinds is not None and "boolean" not in kinds:
            what = f"a condition is true or false, not a {' or '.join(sorted(kinds))}"
            self._source.report(path, "expression.type", what, "compare it with something", at=0)

    def _template(self, text: str, path: Path, context: Context) -> None:
        try:
            template = compile_template(text)
        except ExpressionError as error:
            self._report(path, error, error.at)
            return
        at = 0
        for part in template.parts:
            if isinstance(part, str):
                continue
            at = part.at
            self._reads(part.expression, path, at, context)
            self._kinds(part.expression, path, at, context)

    def _kinds(self, compiled: Compiled, path: Path, at: int, context: Context) -> frozenset[str] | None:
        kinds = Kinds(lambda reference: self.schema_of(reference, context))
        found = kinds.of(compiled.node)
        for problem in kinds.problems:
            mend = MENDS[problem.code]
            self._source.report(path, "expression.type", problem.message, mend, at=self._place(problem.at, at))
        return found

    def _report(self, path: Path, error: ExpressionError, at: int) -> None:
        self._source.report(path, f"expression.{error.code}", error.message, MENDS[error.code], at=at)

    def _place(self, at: int, base: int) -> int:
        """Nodes of a template already count from the beginning of its text."""
        return max(at, base)

    def _reads(self, compiled: Compiled, path: Path, base: int, context: Context) -> None:
        for reference in compiled.references:
            self._read(reference, path, self._place(reference.at, base), context)

    def _read(self, reference: Reference, path: Path, at: int, context: Context) -> None:
        root = reference.path[0]
        if root in context.extra:
            self._properties(context.extra[root], reference, 1, path, at)
        elif root == "inputs":
            self._properties(self._inputs, reference, 1, path, at)
        elif root == "steps" and context.run:
            self._step(reference, path, at, context)
        elif root == "run" and context.run:
            self._run(reference, path, at)
        elif root == "event":
            self._properties(EVENT, reference, 1, path, at)
        elif root == "secrets":
            self._secret(reference, path, at, context)
        else:
            known = [*context.extra, "inputs", "event", *(("steps", "run") if context.run else ())]
            what = f"{root} is not known here"
            self._source.report(path, "read.unknown", what, did_you_mean(root, known)[2:], at=at)

    def _step(self, reference: Reference, path: Path, at: int, context: Context) -> None:
        if len(reference.path) == 1:
            if reference.computed:
                what = "which step this reads cannot be told before it runs"
                self._source.report(path, "read.computed-step", what, "name the step: steps.ID", at=at)
            return
        step = reference.path[1]
        if step in self._source.unread:
            return
        if step not in self._plan.by_id:
            ids = [node.id for node in self._plan.nodes if not node.anonymous]
            hint = did_you_mean(step, ids)[2:]
            self._source.report(path, "read.unknown-step", f"there is no step {step!r}", hint, at=at)
            return
        if context.reader is not None and not self._is_before(step, context.reader, reference, path, at):
            return
        if not reference.guarded and self._may_lack(step, context.reader):
            what = f"{step} may have been skipped, or failed, and then has no output"
            self._source.report(path, "read.maybe-skipped", what, f"write steps.{step}?.… ?? a default", at=at)
        self._properties(self._output(step), reference, 2, path, at)

    def _is_before(self, step: str, reader: int, reference: Reference, path: Path, at: int) -> bool:
        """Whether a step has settled when another one reads it, or the read provides for its being late."""
        if self._flow is None:
            return True
        index = self._plan.by_id[step]
        if self._flow.settled_before(index, reader):
            return True
        name = self._plan.nodes[reader].id
        if self._flow.raced_before(index, reader):
            if reference.guarded:
                return True
            what, mend = f"{step} may not be among the first of its group", f"write steps.{step}?.… ?? a default"
            self._source.report(path, "read.maybe-skipped", what, mend, at=at)
            return False
        if index == reader:
            what, mend = f"{step} has no output yet", "in compensate, read output: it is what the step gave"
        else:
            what = f"{step} is not always finished before {name} starts"
            mend = f"move it before {name}, or add needs: [{step}] to {name}"
        self._source.report(path, "read.not-before", what, mend, at=at)
        return False

    def _may_lack(self, step: str, reader: int | None) -> bool:
        if self._flow is None:
            return False
        index = self._plan.by_id[step]
        if reader is None:
            return self._flow.may_be_skipped(index)
        return self._flow.may_lack_output(index, reader)

    def _run(self, reference: Reference, path: Path, at: int) -> None:
        if len(reference.path) > 2 and reference.path[1] == "steps":
            step = reference.path[2]
            if step not in self._plan.by_id and step not in self._source.unread:
                hint = did_you_mean(step, self._plan.by_id)[2:]
                self._source.report(path, "read.unknown-step", f"there is no step {step!r}", hint, at=at)
            elif len(reference.path) > 3 and reference.path[3] not in RUN_FACTS:
                hint = did_you_mean(reference.path[3], RUN_FACTS)[2:]
                what = f"a step's record has no {reference.path[3]!r}"
                self._source.report(path, "read.unknown-field", what, hint, at=at)
            return
        self._properties(RUN, reference, 1, path, at)

    def _secret(self, reference: Reference, path: Path, at: int, context: Context) -> None:
        name = reference.path[1] if len(reference.path) > 1 else ""
        if not context.secrets:
            what = "a secret may stand only in what an http, api or function step sends"
            self._source.report(path, "secret.place", what, "move it into the step that needs it", at=at)
        elif not name:
            self._source.report(path, "secret.name", "which secret?", "write secrets.NAME", at=at)
        elif self._catalog.secrets is not None and name not in self._catalog.secrets:
            hint = did_you_mean(name, self._catalog.secrets)[2:] or "set it in TOWPATH_SECRETS"
            self._source.report(path, "secret.unknown", f"there is no secret {name!r}", hint, at=at)

    def _properties(self, schema: JsonSchema, reference: Reference, begin: int, path: Path, at: int) -> None:
        """Follow a path through a schema; what cannot be there, or may be missing, is told."""
        root, current = schema, schema
        so_far = ".".join(reference.path[:begin])
        for key in reference.path[begin:]:
            found, always = member(current, key, root)
            if found is None:
                known = as_object(current.get("properties")) or {}
                hint = did_you_mean(key, known)[2:] or _adding(so_far, key)
                code = "read.unknown-input" if so_far == "inputs" else "read.unknown-field"
                self._source.report(path, code, f"{so_far} has no {key!r}", hint, at=at)
                return
            if not always and not reference.guarded:
                what = f"{so_far}.{key} may be missing"
                mend = f"write {so_far}?.{key} ?? a default, or require it"
                self._source.report(path, "read.maybe-missing", what, mend, at=at, severity="warning")
                return
            current, so_far = found, f"{so_far}.{key}"

    def _output(self, step: str) -> JsonSchema:
        if step not in self._outputs:
            self._outputs[step] = output_schema(self._plan.node(step), self._catalog)
        return self._outputs[step]

    def schema_of(self, keys: tuple[str, ...], context: Context) -> JsonSchema:
        """The schema of a path of constant keys; {} when it is not known."""
        root = keys[0]
        if root in context.extra:
            schema, rest = context.extra[root], keys[1:]
        elif root == "inputs":
            schema, rest = self._inputs, keys[1:]
        elif root == "steps" and len(keys) > 1 and keys[1] in self._plan.by_id:
            schema, rest = self._output(keys[1]), keys[2:]
        elif root == "run" and len(keys) == 2:
            schema, rest = RUN, keys[1:]
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
