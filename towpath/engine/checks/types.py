"""What templates give against what takes it: parameters of functions and operations, and the items of a loop."""

from typing import Any

from towpath.engine.checks.expressions import ExpressionChecks
from towpath.engine.checks.kinds import Known, a_kinds, kinds_of
from towpath.engine.checks.reads import ReadScope
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.outputs import JsonSchema
from towpath.engine.language.shapes import as_list, as_object, resolve
from towpath.engine.language.source import Source

AS_JSON = {"date": "string", "duration": "string"}
"""Kinds that JSON has not, and what stands for them there."""


class TypeChecks:
    """Only what is known on both sides is compared; nothing is said of the rest."""

    def __init__(self, source: Source, expressions: ExpressionChecks) -> None:
        self._source = source
        self._expressions = expressions

    def fits(self, value: Any, schema: JsonSchema, root: JsonSchema, path: Path, context: ReadScope) -> None:
        """A value with templates against the schema that it has to keep when they are evaluated."""
        schema = resolve(schema, root)
        if isinstance(value, str):
            if "{{" in value:
                self._text(value, kinds_of(schema), path, context)
            return
        properties = as_object(schema.get("properties")) or {}
        for name, inner in (as_object(value) or {}).items():
            self.fits(inner, as_object(properties.get(name)) or {}, root, (*path, name), context)
        for index, inner in enumerate(as_list(value) or []):
            self.fits(inner, as_object(schema.get("items")) or {}, root, (*path, index), context)

    def items(self, value: Any, path: Path, context: ReadScope) -> JsonSchema:
        """What a loop goes over must be a list; the schema of its items, as far as it is known."""
        if as_list(value) is not None or value is None:
            return {}
        if not isinstance(value, str) or "{{" not in value:
            what = "for_each goes over a list, and this is none"
            self._source.report(path, "for-each.shape", what, 'write [a, b], or "{{ … }}" that gives a list')
            return {}
        self._text(value, frozenset({"list"}), path, context)
        return self._expressions.items_of_text(value, context)

    def _text(self, text: str, wanted: Known, path: Path, context: ReadScope) -> None:
        given = self._expressions.kinds_of_text(text, context)
        if given is None or wanted is None:
            return
        if not {AS_JSON.get(kind, kind) for kind in given} & wanted:
            what = f"{a_kinds(wanted)} is wanted here, and this gives {a_kinds(given)}"
            mend = "text(…) makes a string" if "string" in wanted else "give it what it takes"
            self._source.report(path, "expression.type", what, mend, at=max(0, text.find("{{")))
