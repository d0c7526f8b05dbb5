"""How large an expression may be, and how much text it may make out of little."""

import itertools
import re

from towpath.dataplane.specification.errors import RefusedExpressionError
from towpath.dataplane.specification.tree import SqlNode

MAX_TEXT, MAX_NODES, MAX_BRACKETS = 2_000, 400, 40
MAX_GROWTH = 200.0
"""A text may become so many times as long as the texts it is made of."""
_OPEN, _CLOSE = "([{", ")]}"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_COMMENT = re.compile(r"--|/\*|\*/|#")
_OTHER_STRING = re.compile(r"\$\w*\$|\b[eE]'")
_STRINGS = re.compile(r"'(?:[^']|'')*'")


def check_text(text: str) -> None:
    """What can be told before anything is parsed; the parser is recursive, so brackets are counted first."""
    if len(text) > MAX_TEXT:
        raise RefusedExpressionError("size", f"at most {MAX_TEXT} characters, not {len(text)}")
    if _UNPRINTABLE.search(text):
        raise RefusedExpressionError("syntax", "control characters and half surrogate pairs are not allowed")
    bare = _STRINGS.sub("''", text)
    if _COMMENT.search(bare):
        raise RefusedExpressionError("syntax", "comments are not allowed")
    if _OTHER_STRING.search(bare):
        raise RefusedExpressionError("syntax", "a text stands in single quotes, without a letter before them")
    steps = ((character in _OPEN) - (character in _CLOSE) for character in text)
    if max(itertools.accumulate(steps), default=0) > MAX_BRACKETS:
        raise RefusedExpressionError("size", f"brackets are nested more than {MAX_BRACKETS} deep")


def check_size(tree: SqlNode) -> None:
    """Raises ExpressionError for too many nodes; a chain of an operator counts its operators."""
    if _parts(tree) > MAX_NODES:
        raise RefusedExpressionError("size", f"at most {MAX_NODES} parts")


def _parts(node: SqlNode) -> int:
    chained = node.kind == "call" and node.value in {"CONJUNCTION_AND", "CONJUNCTION_OR"}
    operators = len(node.children) - 1 if chained else 1
    return operators + sum(_parts(child) for child in node.children)


def check_growth(tree: SqlNode) -> None:
    if _growth(tree) > MAX_GROWTH:
        raise RefusedExpressionError("growth", f"a text could grow to more than {MAX_GROWTH:g} times its length")


def _growth(node: SqlNode) -> float:
    """An upper bound: what is replaced by longer texts multiplies, everything else adds up."""
    inner = max(1.0, sum(_growth(child) for child in node.children if child.kind not in {"text", "number"}))
    if node.value not in {"replace", "regexp_replace"} or len(node.children) < 3:
        return inner
    replacement = node.children[2].value
    if node.value == "replace":
        return inner * max(1.0, len(replacement) / max(1, len(node.children[1].value)))
    return inner * (1.0 + len(replacement) * (2.0 if "\\" in replacement else 1.0))
