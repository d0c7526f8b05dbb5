"""Checks of the `paging` of an http step: a style has what it needs, and reading pages changes nothing."""

from towpath.engine.language.diagnostics import Path
from towpath.engine.language.http_step import HttpConfig, Paging
from towpath.engine.language.source import Source


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
