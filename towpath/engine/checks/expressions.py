"""Checks of templates and conditions: their syntax, what they may read, and what is there when they do."""

from collections.abc import Iterable
from typing import Any

from towpath.engine.checks.kinds import Kinds, Known, a_kinds
from towpath.engine.checks.reads import ReadChecks, ReadScope
from towpath.engine.expression.lexer import Lexer
from towpath.engine.expression.nodes import constant_path
from towpath.engine.expression.template import OPEN, CompiledExpression, compile_condition, compile_template
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.outputs import JsonSchema
from towpath.engine.language.plan import Plan
from towpath.engine.language.shapes import as_list, as_object, resolve
from towpath.engine.language.source import LEADING_ZERO, Source, leading_zeros

MENDS = {
    "syntax": "see docs/expressions.md",
    "limit": "make it smaller, or do it in a function",
    "missing": "give it with ??",
    "name": "see docs/expressions.md",
    "type": "compare and join values of one kind",
    "value": "see docs/expressions.md",
}


class ExpressionChecks:
    """Every text of a definition goes through here once."""

    def __init__(self, source: Source, plan: Plan, catalogue: DefinitionCatalogue) -> None:
        self._source = source
        self._known = ReadChecks(source, plan, catalogue)
        self._last: ReadScope | None = None
        self._good: set[str] = set()

    def templates(self, value: Any, path: Path, context: ReadScope) -> None:
        """A value with templates in its texts."""
        if isinstance(value, str):
            if "{{" in value and not self._source.is_full:
                self._template(value, path, context)
            return
        fields, items = as_object(value), as_list(value)
        entries: Iterable[tuple[str | int, Any]] = fields.items() if fields is not None else enumerate(items or [])
        for name, inner in entries:
            self.templates(inner, (*path, name), context)

    def condition(self, text: str | bool | None, path: Path, context: ReadScope) -> None:
        if not isinstance(text, str):
            return
        try:
            compiled = compile_condition(text)
        except ExpressionError as error:
            self._report(path, error, error.at)
            return
        self._numbers(Lexer(text), text, path)
        self._reads(compiled, path, 0, context)
        kinds = self._kinds(compiled, path, 0, context)
        if kinds is not None and "boolean" not in kinds:
            what = f"a condition is true or false, not {a_kinds(kinds)}"
            self._source.report(path, "expression.type", what, "compare it with something", at=0)

    def _template(self, text: str, path: Path, context: ReadScope) -> None:
        if context is not self._last:
            self._last, self._good = context, set()
        if text in self._good:
            return
        before = len(self._source.diagnostics)
        self._look_at(text, path, context)
        if len(self._source.diagnostics) == before:
            self._good.add(text)

    def _look_at(self, text: str, path: Path, context: ReadScope) -> None:
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
            self._numbers(Lexer(text, at + len(OPEN), inside=True), text, path)
            self._reads(part.expression, path, at, context)
            self._kinds(part.expression, path, at, context)

    def _kinds(self, compiled: CompiledExpression, path: Path, at: int, context: ReadScope) -> frozenset[str] | None:
        kinds = Kinds(lambda reference: self._known.schema_of(reference, context))
        found = kinds.of(compiled.node)
        for problem in kinds.problems:
            mend = MENDS[problem.code]
            code = f"expression.{problem.code}"
            self._source.report(path, code, problem.message, mend, at=self._place(problem.at, at))
        return found

    def _numbers(self, lexer: Lexer, text: str, path: Path) -> None:
        """Zeros before a number: some languages read it as octal, ours leaves them out."""
        for token in lexer.tokens() if LEADING_ZERO.search(text) else ():
            if token.kind == "number" and LEADING_ZERO.match(token.text):
                what, mend = leading_zeros(token.text, int(float(token.text)))
                self._source.report(path, "expression.leading-zero", what, mend, at=token.at, severity="warning")

    def _report(self, path: Path, error: ExpressionError, at: int) -> None:
        self._source.report(path, f"expression.{error.code}", error.message, MENDS[error.code], at=at)

    def _place(self, at: int, base: int) -> int:
        """Nodes of a template already count from the beginning of its text."""
        return max(at, base)

    def _reads(self, compiled: CompiledExpression, path: Path, base: int, context: ReadScope) -> None:
        for reference in compiled.references:
            self._known.check(reference, path, self._place(reference.at, base), context)

    def kinds_of_text(self, text: str, context: ReadScope) -> Known:
        """What a text with templates gives; nothing is reported."""
        try:
            whole = compile_template(text).whole
        except ExpressionError:
            return None
        if whole is None:
            return frozenset({"string"})
        return Kinds(lambda reference: self._known.schema_of(reference, context)).of(whole.node)

    def items_of_text(self, text: str, context: ReadScope) -> JsonSchema:
        """The schema of the items of a list, when the text is one template that only reads it."""
        try:
            whole = compile_template(text).whole
        except ExpressionError:
            return {}
        path = None if whole is None else constant_path(whole.node)
        schema = {} if path is None else self._known.schema_of(path, context)
        return resolve(as_object(schema.get("items")) or {}, schema)
