"""Checks of `auth` and `paging` of an http step: one way, secrets where they must be, and what each style needs."""

from collections.abc import Callable

from towpath.engine.checks.inputs import SENSITIVE
from towpath.engine.expression.nodes import constant_path
from towpath.engine.expression.template import compile_template
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.http_step import HttpAuth, HttpConfig, Paging
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source

WAYS = ("basic", "bearer", "oauth2_client_credentials")


def check_auth(
    source: Source, config: HttpConfig, auth: HttpAuth, path: Path, check_url: Callable[[str, Path], None]
) -> None:
    given = [name for name in WAYS if getattr(auth, name) is not None]
    if len(given) != 1:
        source.report(path, "auth.shape", f"auth is one of {', '.join(WAYS)}", "write one of them")
    if auth.basic is not None:
        _check_secret(source, auth.basic.password, (*path, "basic", "password"))
        if ":" in auth.basic.user.partition("{{")[0]:
            mend = "write the part before it as the user, and the password by itself"
            source.report((*path, "basic", "user"), "auth.user", "a user name holds no colon", mend)
    if auth.bearer is not None:
        _check_secret(source, auth.bearer, (*path, "bearer"))
    client = auth.oauth2_client_credentials
    if client is not None:
        place = (*path, "oauth2_client_credentials")
        _check_secret(source, client.client_secret, (*place, "client_secret"))
        check_url(client.token_url.strip(), (*place, "token_url"))
    for name in config.headers:
        if name.lower() == "authorization":
            what = "auth and this header say the same thing twice"
            source.report((*path[:-1], "headers", name), "auth.twice", what, "leave the header out", key=True)


def _check_secret(source: Source, text: str, path: Path) -> None:
    """It is a secret and nothing else: what is computed travels as data, and is in the history."""
    try:
        whole = compile_template(text).whole
    except ExpressionError:
        return
    reads = None if whole is None else constant_path(whole.node)
    if reads is not None and len(reads) == 2 and (reads[0] == "secrets" or _is_secret_input(source, reads)):
        return
    what, mend = "this must be a secret, and nothing beside it", 'write "{{ secrets.NAME }}"'
    source.report(path, "auth.secret", what, f"{mend}, or an input with {SENSITIVE}: true")


def _is_secret_input(source: Source, reads: tuple[str, ...]) -> bool:
    inputs = as_object((as_object(source.value) or {}).get("inputs")) or {}
    return reads[0] == "inputs" and (as_object(inputs.get(reads[1])) or {}).get(SENSITIVE) is True


def check_paging(source: Source, config: HttpConfig, paging: Paging, path: Path) -> None:
    place = (*path, "paging")
    if config.method != "GET":
        source.report((*path, "method"), "paging.shape", "pages are read by GET", "leave method or paging out")
    if config.output is not None:
        what = "what a step with paging gives is its items"
        source.report((*path, "output"), "paging.shape", what, "leave output out", key=True)
    if config.poll is not None:
        source.report((*path, "poll"), "paging.shape", "a step polls or reads pages", "leave one of them out", key=True)
    if paging.style == "cursor" and paging.next is None:
        mend = 'write next: "{{ output.body.next }}", the cursor of the next page or null'
        source.report(place, "paging.shape", "style cursor needs to know the next one", mend)
    if paging.style != "cursor" and paging.next is not None:
        mend = "write style: cursor, or leave next out"
        source.report((*place, "next"), "paging.shape", f"style {paging.style} takes no next", mend, key=True)
    if paging.style == "link" and paging.parameter is not None:
        what, mend = "style link takes the whole query from the link", "leave parameter out"
        source.report((*place, "parameter"), "paging.shape", what, mend, key=True)
    if paging.style == "link" and "?" in config.url:
        what, mend = "the link to the next page brings the query", "write the first one as query: {…}"
        source.report((*path, "url"), "paging.shape", what, mend)
