"""The profile of a report or of a source: a card for each column."""

from towpath.contracts.pipeline.dataset import ColumnProfile, Profile
from towpath.dataplane.report.markup import Markup, tag, text
from towpath.dataplane.report.plots import columns
from towpath.dataplane.report.words import count, share

MOST_VALUES = 5


def profile_section(profile: Profile | None, title: str = "Profile of what was loaded") -> Markup:
    if profile is None or not profile.rows:
        return Markup("")
    of = f" of {count(profile.total)}" if profile.total > profile.rows else ""
    repeated = "" if profile.duplicates is None else f", {count(profile.duplicates)} with a key that occurred before"
    told = f"{profile.dataset}: {count(profile.rows)}{of} rows looked at{repeated}"
    return tag(
        "section",
        tag("h2", text(title)),
        tag("p", text(told), class_="muted"),
        tag("div", *(_card(column) for column in profile.columns), class_="grid"),
    )


def _card(column: ColumnProfile) -> Markup:
    told = f"{column.type}, {count(column.distinct)} distinct, {share(column.nulls, column.rows)} null"
    shown = [tag("h3", text(column.name)), tag("p", text(told), class_="muted")]
    if column.histogram and column.distinct > MOST_VALUES:
        shown.append(columns(f"Histogram of {column.name}", column.histogram))
        bounds = (tag("code", text(one or "–")) for one in (column.minimum, column.maximum))
        shown.append(tag("ul", tag("li", *bounds), class_="values"))
        if column.mean is not None:
            shown.append(tag("p", text(f"mean {column.mean:,.2f}"), class_="muted"))
    elif column.distinct == column.rows - column.nulls and column.distinct > MOST_VALUES:
        shapes = column.formats or ((column.minimum or "–", 1), (column.maximum or "–", 1))
        shown.append(_values(shapes, column.rows))
    else:
        shown.append(_values(column.top, column.rows))
    return tag("div", *shown, class_="card")


def _values(values: tuple[tuple[str, int], ...], rows: int) -> Markup:
    lines = (
        tag("li", tag("code", text(value or "(empty)"), title=value), tag("span", text(share(times, rows))))
        for value, times in values[:MOST_VALUES]
    )
    return tag("ul", *lines, class_="values")
