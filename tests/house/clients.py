"""Where a client of HTTP is made past the factory: with bounds, cookies, proxies and redirects of its own, or none."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.rules import files, parsed

APART = frozenset({"bench", "tests", "typings", ".venv"})
"""What is not production."""
FACTORY = Path("towpath/outside")
GUARDED = Path("towpath/integrations/http/guarded_http.py")
"""Has transports by themselves, and reads their answers by `Decoder`."""
FOREIGN = (
    *("aiohttp", "requests", "niquests", "urllib3", "urllib.request", "http.client", "httplib2", "pycurl", "treq"),
    *("websockets", "websocket", "xmlrpc.client", "ftplib", "tornado", "hyper", "httpcore", "httpcore2"),
    *("boto3", "botocore", "aiobotocore", "s3fs", "fsspec", "obstore.fsspec", "gcsfs", "adlfs", "smart_open", "openai"),
)
"""Libraries that only the factory may know."""
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"})
_HTTPX = _VERBS | {"Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport"}
_SDK = frozenset(
    f"{begin}{kind}"
    for begin in ("", "Async")
    for kind in ("Client", "Anthropic", *(f"Anthropic{of}" for of in ("AWS", "Bedrock", "Foundry", "Vertex")))
)
MAKERS = {
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "anthropic": _SDK | {"DefaultHttpxClient", "DefaultAsyncHttpxClient", "DefaultAioHttpClient"},
    "obstore.store": frozenset({"S3Store", "GCSStore", "AzureStore", "HTTPStore", "from_url"}),
    "towpath.outside.transport": frozenset({"AiohttpTransport"}),
    "towpath.outside.guarded_transport": frozenset({"GuardedTransport"}),
    "towpath.outside.client": frozenset({"OutsideClient"}),
    "towpath.outside.blocking": frozenset({"OutsideBlockingClient"}),
}
"""What makes a client, by the module that has it. As an annotation it stands for what the factory has made."""
BOUNDED = {"anthropic": ("http_client", "sdk_client"), "obstore.store": ("client_options", "object_options")}
"""Of SDKs with clients of their own: the option, and the function of the factory that gives it."""


def foreign_clients(root: Path) -> list[str]:
    """Lines that make a client past the factory."""
    found: list[str] = []
    for path in files(root, "py"):
        inner = path.relative_to(root)
        if APART & set(inner.parts) or FACTORY in inner.parents:
            continue
        ours = inner == GUARDED
        found += [f"{inner}:{line}: {what}" for line, what in sorted(set(_Reading(parsed(path), ours=ours).told()))]
    return found


class _Reading:
    """One module: what its names stand for, and what it does with them."""

    def __init__(self, tree: ast.Module, *, ours: bool) -> None:
        self._tree = tree
        self._ours = ours
        self._modules: dict[str, str] = {}
        self._makers: dict[str, str] = {}
        self._annotations = {id(inner) for node in _annotations(tree) for inner in ast.walk(node)}
        self._bounded: set[int] = set()

    def told(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((node.lineno, what) for what in self._imports(node))
            elif isinstance(node, ast.Assign) and (module := _loaded(node.value)):
                self._modules |= {target.id: module for target in node.targets if isinstance(target, ast.Name)}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                yield from ((node.lineno, what) for what in self._call(node))
        for node in ast.walk(self._tree):
            if id(node) in self._annotations or id(node) in self._bounded:
                continue
            if isinstance(node, ast.Attribute | ast.Name) and self._maker(node) is not None:
                yield node.lineno, f"{ast.unparse(node)} is made by towpath.outside alone"

    def _imports(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _foreign(alias.name)
                self._modules[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
            return
        module = node.module or ""
        yield from _foreign(module)
        for alias in node.names:
            whole = f"{module}.{alias.name}"
            yield from _foreign(whole)
            if whole in MAKERS or whole in {"urllib.request", "obstore.store"}:
                self._modules[alias.asname or alias.name] = whole
            if alias.name == "*" and module in MAKERS:
                yield f"all of {module} is imported: its makers cannot be seen"
            if alias.name in MAKERS.get(module, ()) and not (self._ours and module.startswith("towpath.")):
                self._makers[alias.asname or alias.name] = module

    def _call(self, node: ast.Call) -> Iterator[str]:
        yield from _foreign(_loaded(node) or "")
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and self._module(node.args[0]) in MAKERS:
            yield "a maker of clients is taken by its name as text"
        module = self._maker(node.func)
        if module in BOUNDED:
            option, function = BOUNDED[module]
            given = [word.value for word in node.keywords if word.arg == option]
            if given and isinstance(given[0], ast.Call) and ast.unparse(given[0].func).rpartition(".")[2] == function:
                self._bounded.add(id(node.func))
        for word in node.keywords:
            if word.arg in {"follow_redirects", "trust_env"} and ast.unparse(word.value) != "False":
                yield f"{word.arg} is set past the factory"

    def _maker(self, node: ast.expr) -> str | None:
        """The module whose maker of clients an expression is."""
        if isinstance(node, ast.Name):
            return self._makers.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        module = self._module(node.value)
        return module if module is not None and node.attr in MAKERS.get(module, ()) else None

    def _module(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._modules.get(node.id)
        if isinstance(node, ast.Attribute):
            outer = self._module(node.value)
            return None if outer is None else f"{outer}.{node.attr}"
        return _loaded(node)


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns


def _loaded(node: ast.expr) -> str | None:
    """The module that a call loads by its name as text."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = ast.unparse(node.func).rpartition(".")[2]
    match node.args[0]:
        case ast.Constant(value=str(name)) if called in {"import_module", "__import__"}:
            return name
        case _:
            return None


def _foreign(module: str) -> Iterator[str]:
    if any(module == name or module.startswith(f"{name}.") for name in FOREIGN):
        yield f"{module} is known to towpath.outside alone"
    if any(module.startswith(f"{name}._") for name in MAKERS):
        yield f"{module} is private"
