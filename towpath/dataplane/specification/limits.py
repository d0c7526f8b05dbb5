"""How large an expression may be, and how much text it may make out of little."""

import itertools
import re

from sqlglot import exp

from towpath.dataplane.specification.errors import RefusedExpressionError

MAX_TEXT, MAX_NODES, MAX_DEPTH = 2_000, 400, 40
MAX_GROWTH = 200.0
"""A text may become so many times as long as the texts it is made of."""
_OPEN, _CLOSE = "([{", ")]}"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_COMMENT = re.compile(r"--|/\*|\*/|#")
_STRINGS = re.compile(r"'(?:[^']|'')*'")


def check_text(text: str) -> None:
    """What can be told before anything is parsed; the parser is recursive, so brackets are counted first."""
    if len(text) > MAX_TEXT:
        raise RefusedExpressionError("size", f"at most {MAX_TEXT} characters, not {len(text)}")
    if _UNPRINTABLE.search(text):
        raise RefusedExpressionError("syntax", "control characters and half surrogate pairs are not allowed")
    if _COMMENT.search(_STRINGS.sub("''", text)):
        raise RefusedExpressionError("syntax", "comments are not allowed")
    steps = ((character in _OPEN) - (character in _CLOSE) for character in text)
    if max(itertools.accumulate(steps), default=0) > MAX_DEPTH:
        raise RefusedExpressionError("size", f"brackets are nested more than {MAX_DEPTH} deep")


def check_size(tree: exp.Expr) -> None:
    """Raises ExpressionError for too many nodes, and for too deep a tree; long chains of an operator are deep."""
    level: list[exp.Expr] = [tree]
    nodes = depth = 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES or depth > 3 * MAX_DEPTH:
            raise RefusedExpressionError("size", f"at most {MAX_NODES} parts, nested at most {3 * MAX_DEPTH} deep")
        level = [child for node in level for child in node.iter_expressions()]


def check_growth(tree: exp.Expr) -> None:
    if _growth(tree) > MAX_GROWTH:
        raise RefusedExpressionError("growth", f"a text could grow to more than {MAX_GROWTH:g} times its length")


def _growth(node: exp.Expr) -> float:
    """An upper bound: what is replaced by longer texts multiplies, everything else adds up."""
    inner = max(1.0, sum(_growth(child) for child in node.iter_expressions() if not isinstance(child, exp.Literal)))
    replacement: object = node.args.get("replacement")
    if not isinstance(replacement, exp.Literal):
        return inner
    longer = len(replacement.name)
    if isinstance(node, exp.Replace):
        pattern: object = node.args.get("expression")
        return inner * max(1.0, longer / max(1, len(pattern.name) if isinstance(pattern, exp.Literal) else 1))
    return inner * (1.0 + longer * (2.0 if "\\" in replacement.name else 1.0))
