"""Expressions and templates as they stand in a definition: compiled once, by text, and kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from towpath.contracts.declared.references import SecretName
from towpath.engine.expression.compiler import bounded_result, compile_node
from towpath.engine.expression.lexer import Lexer
from towpath.engine.expression.nodes import (
    Binary,
    CallExpression,
    Each,
    ListOf,
    Node,
    ObjectOf,
    Reference,
    Unary,
    children,
    references,
)
from towpath.engine.expression.operators import Evaluate, boolean
from towpath.engine.expression.parser import COMPARISONS, parse, parse_tokens
from towpath.engine.expression.values import (
    MAX_NESTING,
    MAX_RESULT,
    MAX_WORK,
    ExpressionError,
    Scope,
    SecretText,
    Value,
    as_sent,
    as_text,
    class_of,
    size_of,
)

ESCAPED, OPEN = "$${{", "{{"
SECRETS = "secrets"
_BOOLEAN = frozenset({"!", "&&", "||", "in", *COMPARISONS})


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """One expression. `references` are its reads of roots."""

    text: str
    node: Node
    references: tuple[Reference, ...]
    evaluate: Evaluate


@dataclass(frozen=True, slots=True)
class TemplatePart:
    """A template in a text: the expression, and where in the text it begins."""

    expression: CompiledExpression
    at: int


@dataclass(frozen=True, slots=True)
class Template:
    """A text with templates in it. `whole` is the expression when the text is nothing else, so its type is kept."""

    text: str
    parts: tuple[str | TemplatePart, ...]
    whole: CompiledExpression | None

    @property
    def expressions(self) -> tuple[CompiledExpression, ...]:
        return tuple(part.expression for part in self.parts if isinstance(part, TemplatePart))


@lru_cache(maxsize=20_000)
def compile_condition(text: str) -> CompiledExpression:
    """A condition field: the whole text is one expression, `{{ }}` are parentheses. Raises ExpressionError."""
    return _compiled(text, parse(text))


@lru_cache(maxsize=20_000)
def compile_template(text: str) -> Template:
    """A text with `{{ }}`; `$${{` stands for `{{`. Raises ExpressionError with its place in the text."""
    parts: list[str | TemplatePart] = []
    plain, at = "", 0
    while True:
        found = text.find(OPEN, at)
        if found < 0:
            break
        if found >= 2 and text.startswith(ESCAPED, found - 2):
            plain += text[at : found - 2] + OPEN
            at = found + 2
            continue
        plain += text[at:found]
        if plain:
            parts.append(plain)
            plain = ""
        lexer = Lexer(text, found + 2, inside=True)
        node = parse_tokens(lexer.tokens())
        parts.append(TemplatePart(_compiled(text[found + 2 : lexer.end - 2].strip(), node), found))
        at = lexer.end
    if plain + text[at:] or not parts:
        parts.append(plain + text[at:])
    only = parts[0] if len(parts) == 1 else _between_spaces(parts)
    return Template(text, tuple(parts), only.expression if isinstance(only, TemplatePart) else None)


def _between_spaces(parts: list[str | TemplatePart]) -> str | TemplatePart:
    """A single template with nothing but space around it: a block scalar ends with a line break."""
    found = [part for part in parts if isinstance(part, TemplatePart)]
    texts = [part for part in parts if isinstance(part, str)]
    return found[0] if len(found) == 1 and not "".join(texts).strip() else ""


def _compiled(text: str, node: Node) -> CompiledExpression:
    evaluate = compile_node(node)
    return CompiledExpression(
        text, node, tuple(references(node)), bounded_result(evaluate) if _makes_values(node) else evaluate
    )


def _makes_values(node: Node) -> bool:
    """Whether a result may be larger than anything that is read."""
    if isinstance(node, (Binary, Unary)) and node.operator in _BOOLEAN:
        return False
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, (ListOf, ObjectOf, Each, CallExpression)) or (
            isinstance(current, Binary) and current.operator == "+"
        ):
            return True
        waiting.extend(children(current))
    return False


def decide(condition: CompiledExpression, scope: Scope) -> bool:
    """The truth of a condition. Raises ExpressionError, also for a value that is not a boolean."""
    scope.work = MAX_WORK
    return boolean(condition.evaluate(scope), 0, "a condition")


def render_text(template: Template, scope: Scope) -> Value:
    """The value of one text. One that names a secret becomes a SecretText, which only an activity fills."""
    scope.work = MAX_WORK
    if template.whole is not None:
        return template.whole.evaluate(scope)
    values = [part if isinstance(part, str) else part.expression.evaluate(scope) for part in template.parts]
    texts = [value if type(value) is str or is_secret(value) else _sized(value) for value in values]
    if sum(len(text) for text in texts if type(text) is str) > MAX_RESULT:
        raise ExpressionError("limit", f"the text is longer than {MAX_RESULT:,} characters")
    return joined(texts)


def joined(texts: Iterable[str | SecretText]) -> str | SecretText:
    """One text of several; a SecretText when one of them is."""
    parts: list[str | SecretName] = []
    for text in texts:
        parts.extend(text.parts if isinstance(text, SecretText) else (text,))
    plain = [part for part in parts if isinstance(part, str)]
    return "".join(plain) if len(plain) == len(parts) else SecretText(tuple(parts))


def render(value: Any, scope: Scope, text: Callable[[str, Scope], Value] | None = None) -> Value:
    """A part of a definition with every template in it evaluated. What comes out is never looked at again."""
    return _rendered(value, scope, _render_string if text is None else text, 0)


def _rendered(value: Value, scope: Scope, text: Callable[[str, Scope], Value], depth: int) -> Value:
    of = class_of(value)
    if of is str:
        return text(value, scope)
    if depth == MAX_NESTING:
        raise ExpressionError("limit", f"the value is nested deeper than {MAX_NESTING}")
    if of is dict:
        return {name: _rendered(item, scope, text, depth + 1) for name, item in value.items()}
    if of is list:
        return [_rendered(item, scope, text, depth + 1) for item in value]
    return value


def _render_string(value: str, scope: Scope) -> Value:
    return as_sent(render_text(compile_template(value), scope)) if OPEN in value else value


def secret_named(name: str) -> SecretText:
    """A secret as expressions know it: by its name alone. No workflow knows its value."""
    return SecretText((SecretName(secret=name),))


def is_secret(value: Value) -> bool:
    return type(value) is SecretText


def _sized(value: Value) -> str:
    if size_of(value) > MAX_RESULT:
        raise ExpressionError("limit", f"the value is larger than {MAX_RESULT:,} bytes")
    return as_text(value)
