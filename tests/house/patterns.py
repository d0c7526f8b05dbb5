"""Where patterns from outside could meet a matcher that goes back and forth: Python's `re`, or jsonschema by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

LOOKING = frozenset(
    {"compile", "match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn", "template"}
)
OUTSIDE = frozenset({"bench", "tests", "standins", "typings", ".venv"})
"""What is not production; the stand-ins' own tables hold patterns that we wrote."""
VALIDATING = Path("towpath/engine/matching")
"""The one place that makes validators of JSON Schema. `matches` of a value elsewhere goes through it."""


def unbounded(root: Path) -> list[str]:
    """Lines that give `re` what is not a constant of ours, or make a validator of their own."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if OUTSIDE & set(inner.parts):
            continue
        for line, what in _told(parsed(path), makes_validators=VALIDATING in inner.parents):
            found.append(f"{inner}:{line}: {what}")
    return found


def _told(tree: ast.Module, *, makes_validators: bool) -> Iterator[tuple[int, str]]:
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "re"
        for alias in node.names
        if alias.name in LOOKING
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, what) for what in _imports(node, makes_validators=makes_validators))
        elif isinstance(node, ast.Call) and _looks(node.func, names):
            given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "pattern")]
            if not given or not _is_ours(given[0]):
                yield node.lineno, "a pattern that is no constant goes to read_pattern, not to re"
        elif isinstance(node, ast.Attribute | ast.Name) and _is_passed_on(node, tree):
            yield node.lineno, "re is called by its name, so that its pattern is seen"


def _imports(node: ast.Import | ast.ImportFrom, *, makes_validators: bool) -> Iterator[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    if any(module.partition(".")[0] in {"regex", "fnmatch", "sre_compile", "sre_parse"} for module in modules):
        yield "another matcher that goes back and forth"
    if makes_validators or not any(module.partition(".")[0] == "jsonschema" for module in modules):
        return
    if isinstance(node, ast.Import) or any(alias.name != "ValidationError" for alias in node.names):
        yield "schemas are matched by towpath.engine.matching alone"


def _looks(called: ast.expr, names: set[str]) -> bool:
    if isinstance(called, ast.Name):
        return called.id in names
    return (
        isinstance(called, ast.Attribute)
        and called.attr in LOOKING
        and isinstance(called.value, ast.Name)
        and called.value.id == "re"
    )


def _is_passed_on(node: ast.Attribute | ast.Name, tree: ast.Module) -> bool:
    """`re.search` as a value, say for `map`."""
    if not isinstance(node, ast.Attribute) or not _looks(node, set()):
        return False
    return not any(isinstance(call, ast.Call) and call.func is node for call in ast.walk(tree))


def _is_ours(given: ast.expr) -> bool:
    """A text in the code, a constant of a module, a text that `re.escape` takes as it is, or several of these."""
    match given:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.Attribute(value=inner, attr=name):
            return name.isupper() or _is_ours(inner)
        case ast.JoinedStr() | ast.FormattedValue() | ast.BinOp():
            return all(_is_ours(part) for part in ast.iter_child_nodes(given) if isinstance(part, ast.expr))
        case ast.Call(func=function, args=arguments):
            return _makes_ours(function, arguments)
        case _:
            return False


def _makes_ours(function: ast.expr, arguments: list[ast.expr]) -> bool:
    if _escapes(function) or (arguments and _escapes(arguments[0])):
        return True
    return isinstance(function, ast.Attribute) and all(map(_is_ours, [function.value, *arguments]))


def _escapes(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function) == "re.escape"
