"""Checks of single steps: their texts, durations and secrets, and what makes no sense for their type."""

import re
from typing import Any

from towpath.engine.catalog import Catalog
from towpath.engine.check_configs import ConfigChecks
from towpath.engine.check_expressions import Context, ExpressionChecks
from towpath.engine.diagnostics import Path
from towpath.engine.expression.durations import parse_duration
from towpath.engine.outputs import EVENT, output_schema
from towpath.engine.plan import PlanNode
from towpath.engine.shapes import as_list, as_object
from towpath.engine.source import Source

SENDING = frozenset({"http", "api", "function"})
DURATIONS = frozenset(
    {"timeout", "deadline", "within", "ttl", "initial", "max", "every", "for", "after", "catchup", "jitter"}
)
NO_LOOP = frozenset({"condition", "human-task", "wait", "wait-any"})
NO_EFFECT = frozenset({"wait", "wait-any", "condition", "set", "human-task"})
LATE = frozenset({"until", "filter", "done"})
RAW = frozenset({"output_schema", "form"})
_PLAIN_SECRET = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----|[Bb]earer\s+[A-Za-z0-9._-]{12,}"
)
_SECRET_NAME = re.compile(
    r"(?i)(^|[-_])(password|passwd|secret|token|api[-_]?key|apikey|authorization|private[-_]?key)$"
)


class StepChecks:
    """Every step of a plan, one by one."""

    def __init__(self, source: Source, catalog: Catalog, expressions: ExpressionChecks) -> None:
        self._source = source
        self._catalog = catalog
        self._expressions = expressions
        self._configs = ConfigChecks(source, catalog)

    def check(self, node: PlanNode) -> None:
        step = node.step
        if step is None:
            return
        path = (*node.path, "config")
        self._texts(node)
        self._common(node)
        self._configs.check(node.config, path)

    def team(self, name: str, path: Path, also: frozenset[str] = frozenset()) -> None:
        self._configs.team(name, path, also)

    def durations(self, value: Any, path: Path) -> None:
        """Every duration that is written out, anywhere inside."""
        fields = as_object(value)
        for name, inner in (fields or {}).items():
            if name in DURATIONS and isinstance(inner, str) and "{{" not in inner:
                self.duration(inner, (*path, name))
            elif name == "remind":
                for index, moment in enumerate(as_list(inner) or []):
                    if isinstance(moment, str) and "{{" not in moment:
                        self.duration(moment, (*path, name, index))
            elif name not in RAW:
                self.durations(inner, (*path, name))
        for index, inner in enumerate(as_list(value) or []):
            self.durations(inner, (*path, index))

    def duration(self, text: str, path: Path) -> None:
        if parse_duration(text) is None:
            what = f"{text!r} is no duration of up to ten years"
            self._source.report(path, "duration.invalid", what, "write it like 30s, 5m, 24h or 1h30m")

    def plain_secrets(self, value: Any, path: Path) -> None:
        """Texts that look like secrets, and literal values of fields that are named like one."""
        if isinstance(value, str):
            if _PLAIN_SECRET.search(value[:5_000]):
                self._secret(path)
            return
        for name, inner in (as_object(value) or {}).items():
            named = _SECRET_NAME.search(name) is not None and isinstance(inner, str) and len(inner) > 5
            if named and "{{" not in inner:
                self._secret((*path, name))
            else:
                self.plain_secrets(inner, (*path, name))
        for index, inner in enumerate(as_list(value) or []):
            self.plain_secrets(inner, (*path, index))

    def _secret(self, path: Path) -> None:
        what = "this looks like a secret in plain text"
        self._source.report(path, "secret.plain", what, 'write "{{ secrets.NAME }}", and set NAME in TOWPATH_SECRETS')

    def _texts(self, node: PlanNode) -> None:
        step = node.step
        if step is None:
            return
        base = node.path
        written = as_object(self._source.value_at(base)) or {}
        here = Context(node.index)
        if step.for_each is not None:
            self._expressions.templates(step.for_each.in_, (*base, "for_each", "in"), here)
            here = here.also(**{step.for_each.as_: {}, "index": {"type": "integer"}})
        sending = Context(node.index, here.extra, secrets=step.type in SENDING)
        output = output_schema(node, self._catalog)
        self._config(as_object(written.get("config")) or {}, (*base, "config"), sending, output, step.type)
        plain = Context(node.index)
        self._expressions.condition(step.when, (*base, "when"), plain)
        if step.cache is not None:
            self._expressions.templates(step.cache.key, (*base, "cache", "key"), plain)
        for part in ("compensate", "check"):
            given = as_object(written.get(part))
            if given is not None:
                after = Context(
                    node.index, {**here.extra, "output": output if part == "compensate" else {}}, secrets=True
                )
                self._expressions.templates(given.get("config"), (*base, part, "config"), after)
                done = given.get("done")
                self._expressions.condition(done if isinstance(done, str) else None, (*base, part, "done"), after)
        default = as_object(written.get("on_error"))
        if default is not None:
            self._expressions.templates(default.get("default"), (*base, "on_error", "default"), plain)
        if step.cancel_on is not None:
            event = plain.also(event=EVENT)
            self._expressions.condition(step.cancel_on.filter, (*base, "cancel_on", "filter"), event)
            self._expressions.templates(step.cancel_on.correlate, (*base, "cancel_on", "correlate"), plain)

    def _config(self, given: dict[str, Any], path: Path, context: Context, output: dict[str, Any], kind: str) -> None:
        for name, value in given.items():
            if name in RAW or (kind == "condition" and name != "if"):
                continue
            place = (*path, name)
            if name == "if" or (name in LATE and kind != "wait"):
                self._expressions.condition(value if isinstance(value, str) else None, place, context)
            elif name == "filter":
                self._expressions.condition(value if isinstance(value, str) else None, place, context.also(event=EVENT))
            elif name == "poll":
                until = (as_object(value) or {}).get("until")
                self._expressions.condition(
                    until if isinstance(until, str) else None, (*place, "until"), context.also(output=output)
                )
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

    def _common(self, node: PlanNode) -> None:
        step, path = node.step, node.path
        if step is None:
            return
        written = as_object(self._source.value_at(path)) or {}
        skipped = {"then", "else", "default", "switch"} if step.type == "condition" else set[str]()
        config = {
            name: value for name, value in (as_object(written.get("config")) or {}).items() if name not in skipped
        }
        rest = {name: value for name, value in written.items() if name not in {"config", "when"}}
        self.durations(rest, path)
        self.durations(config, (*path, "config"))
        self.plain_secrets(config, (*path, "config"))
        if step.for_each is not None:
            if step.type in NO_LOOP:
                what = f"a {step.type} step has no for_each"
                self._source.report(
                    (*path, "for_each"), "step.no-effect", what, "loop over a workflow step instead", key=True
                )
            if (step.for_each.in_ is None) == (step.for_each.times is None):
                self._source.report((*path, "for_each"), "for-each.shape", "give in, or times", "write in: or times:")
        if step.compensate is not None and step.type in NO_EFFECT:
            what = f"a {step.type} step has nothing to undo"
            self._source.report((*path, "compensate"), "step.no-effect", what, "leave compensate out", key=True)
