"""What the bans of pure.toml cannot say of a pure room: modules that it may import, builtins, names for a clock, order.

The rooms are those that bring in pure.toml, so that there is one list of them.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.house.rules import files

ALLOWED_MODULES = frozenset(
    {
        *{
            "abc",
            "base64",
            "binascii",
            "collections",
            "contextlib",
            "dataclasses",
            "datetime",
            "decimal",
            "difflib",
            "email.utils",
        },
        *{
            "enum",
            "functools",
            "hashlib",
            "heapq",
            "hmac",
            "html",
            "inspect",
            "itertools",
            "json",
            "math",
            "operator",
            "re",
        },
        *{"statistics", "string", "types", "typing", "unicodedata", "urllib.parse", "zlib", "zoneinfo"},
        *{"jsonschema", "pydantic", "pydantic_core", "re2", "referencing", "ruamel.yaml"},
        *{"towpath.contracts", "towpath.engine", "towpath.functions", "towpath.policy"},
    }
)
WORKFLOW_MODULES = ALLOWED_MODULES | {"activities", "asyncio", "temporalio", "towpath.temporal", "workflows"}
BANNED_BUILTINS = frozenset(
    {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "hash", "id", "input", "open", "print"}
)
BANNED_METHODS = frozenset({"read_bytes", "read_text", "run_in_executor", "utcnow", "write_bytes", "write_text"})
CLOCKS = frozenset({"asyncio", "datetime", "datetime.date", "datetime.datetime"})
"""What has banned members: under a second name, or by `getattr`, ruff would not know it."""
KEEPS_ORDER = frozenset({"dict.fromkeys", "enumerate", "iter", "list", "map", "next", "reversed", "tuple", "zip"})
MAKES_SETS = frozenset({"frozenset", "set"})
SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
ORDER_FREE = frozenset({"all", "any", "frozenset", "len", "max", "min", "set", "sorted"})


Nodes = Sequence[ast.AST]
"""All of a module, itself first."""


def pure_rooms(root: Path) -> list[Path]:
    return [path.parent for path in files(root, "toml") if path.name == "ruff.toml"]


def impure(root: Path) -> list[str]:
    """Lines of pure rooms that could depend on more than their input."""
    found: list[str] = []
    for room in pure_rooms(root):
        modules = WORKFLOW_MODULES if room.relative_to(root).parts == ("workflows",) else ALLOWED_MODULES
        for path in sorted(room.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            nodes = list(ast.walk(tree))
            told = {*_imports(nodes, modules), *_builtins(nodes), *_hidden(nodes), *_unordered(nodes), *_dropped(nodes)}
            found += [f"{path.relative_to(root)}:{line}: {what}" for line, what in sorted(told)]
    return found


def _imports(nodes: Nodes, allowed: frozenset[str]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for name in (before + alias.name for alias in node.names):
                parts = name.split(".")
                if not {".".join(parts[:count]) for count in range(1, len(parts) + 1)} & allowed:
                    yield node.lineno, f"imports {name}"


def _builtins(nodes: Nodes) -> Iterator[tuple[int, str]]:
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in BANNED_BUILTINS - own:
            yield node.lineno, f"uses {node.id}"


def _hidden(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Methods that no value of a pure room has, and a clock that is handed on instead of being asked by its name."""
    imported = _imported(nodes)
    for node in nodes:
        given: ast.expr | None = None
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            given = node.value
        elif isinstance(node, ast.Call) and _dotted(node.func) in {"getattr", "vars"} and node.args:
            given = node.args[0]
        elif isinstance(node, ast.Attribute) and node.attr in BANNED_METHODS:
            yield node.lineno, f"calls {node.attr}"
        if given is not None and _resolved(given, imported) in CLOCKS:
            yield given.lineno, f"hands on {_resolved(given, imported)}"


def _unordered(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Places where the order of a set, which differs between processes, gets into something that has an order."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    free = {id(argument) for call in calls if _dotted(call.func) in ORDER_FREE for argument in call.args}
    of_module = _set_names(_own(nodes[0])) | {name for name in _set_names(nodes) if name.startswith("self.")}
    for scope in nodes:
        if isinstance(scope, SCOPES):
            own = list(_own(scope))
            sets = of_module | _set_names(own)
            for read in (read for node in own for read in _read_in_order(node, free)):
                if _is_set(read, sets):
                    yield read.lineno, "reads a set in its own order"


def _dropped(nodes: Nodes) -> Iterator[tuple[int, str]]:
    """Coroutines that are all made before the first is begun: a run that leaves the cache there drops the rest."""
    for node in nodes:
        if isinstance(node, ast.Call) and _dotted(node.func) == "asyncio.gather":
            for given in node.args:
                work = given.value if isinstance(given, ast.Starred) else given
                if isinstance(work, (ast.GeneratorExp, ast.ListComp)):
                    work = work.elt
                if isinstance(work, ast.Call) and _dotted(work.func) != "asyncio.ensure_future":
                    yield work.lineno, "gathers what is not begun"


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a scope without those of functions and classes in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, SCOPES):
            yield from _own(node)


def _read_in_order(node: ast.AST, free: set[int]) -> list[ast.expr]:
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.iter]
    if isinstance(node, (ast.ListComp, ast.DictComp, ast.GeneratorExp)) and id(node) not in free:
        return [generator.iter for generator in node.generators]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [part.value for part in node.elts if isinstance(part, ast.Starred)]
    if isinstance(node, ast.Call) and id(node) not in free:
        joins = isinstance(node.func, ast.Attribute) and node.func.attr == "join"
        return [*node.args] if joins or _dotted(node.func) in KEEPS_ORDER else []
    return []


def _set_names(scope: Iterable[ast.AST]) -> frozenset[str]:
    """Names that are a set wherever they are assigned."""
    kinds: dict[str, list[bool]] = {}
    for node in scope:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                kinds.setdefault(_dotted(target), []).append(_is_set(node.value, frozenset()))
        elif isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else _dotted(node.target)
            kinds.setdefault(name, []).append(_is_set_type(node.annotation))
        elif isinstance(node, ast.ClassDef):
            fields = (field for field in node.body if isinstance(field, ast.AnnAssign))
            for field in fields:
                kinds.setdefault(f"self.{_dotted(field.target)}", []).append(_is_set_type(field.annotation))
    return frozenset(name for name, values in kinds.items() if name and all(values))


def _is_set_type(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Subscript) and _dotted(annotation.value) in MAKES_SETS


def _is_set(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)):
        return _is_set(node.left, names) or _is_set(node.right, names)
    if isinstance(node, ast.Call):
        return _dotted(node.func) in MAKES_SETS
    return isinstance(node, (ast.Set, ast.SetComp)) or _dotted(node) in names


def _imported(nodes: Nodes) -> Mapping[str, str]:
    """Names that imports bind, and what they stand for."""
    bound: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            bound |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return bound


def _resolved(node: ast.expr, imported: Mapping[str, str]) -> str:
    first, dot, rest = _dotted(node).partition(".")
    return f"{imported.get(first, first)}{dot}{rest}"


def _dotted(node: ast.AST) -> str:
    """`a.b.c`, or nothing for what is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
