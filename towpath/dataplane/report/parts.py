"""Sections and tables of a report."""

from collections.abc import Sequence

from towpath.dataplane.report.markup import Markup, tag, text


def section(title: str, *children: Markup) -> Markup:
    return tag("section", tag("h2", text(title)), *children)


def table(headings: Sequence[str], rows: Sequence[Sequence[Markup]], numbers: frozenset[int]) -> Markup:
    """`numbers` are the columns of figures: they stand on the right."""
    told = [
        tag("tr", *(tag("td", one, class_="n" if place in numbers else None) for place, one in enumerate(row)))
        for row in rows
    ]
    names = (tag("th", text(one), class_="n" if place in numbers else None) for place, one in enumerate(headings))
    return tag("div", tag("table", tag("thead", tag("tr", *names)), tag("tbody", *told)), class_="card scroll")


def plot(title: str, drawn: Markup) -> Markup:
    """A card that scrolls where the plot is wider than the page."""
    return tag("div", tag("h3", text(title)), drawn, class_="card scroll")


def gap() -> Markup:
    return tag("div", class_="gap")


def badge(word: str, kind: str) -> Markup:
    return tag("span", text(word), class_=f"badge {kind}")


def examples(title: str, rows: Sequence[tuple[str, str]]) -> Markup:
    """Rows to be unfolded: where each was read, and what it holds."""
    shown = (tag("li", tag("code", text(where), class_="where"), tag("code", text(row))) for where, row in rows)
    return tag("details", tag("summary", text(title)), tag("ul", *shown, class_="rows"))
