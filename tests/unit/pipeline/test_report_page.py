"""Pages of reports and of profiles: whatever stands in a text of the facts, it stays a text."""

from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from typing import Any, Literal, cast, get_origin

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.unit.pipeline.full_report import CONFIG, FACTS, PROFILED
from towpath.contracts.core.text import clean_lines
from towpath.dataplane.report.page import page
from towpath.dataplane.report.rendering import render

FRAGMENTS = (
    *("<script>alert(1)</script>", "<svg onload=alert(1)>", "</title>", "</style>", "</svg>", "<!--", "-->", "]]>"),
    *('" onclick="alert(1)', "' style='x", "&lt;b&gt;", "&#60;b&#62;", "{{ 7 * 7 }}", "{% raw %}", "javascript:", "\\"),
)
HOSTILE = (
    st.lists(st.sampled_from(FRAGMENTS) | st.text("<>&\"'/= x\u2028", max_size=4), min_size=1).map("".join).filter(bool)
)
DECIDES = frozenset({"kind", "$position"})
"""By these a page chooses what to show."""


class Reader(HTMLParser):
    """Elements with their attributes as the skeleton of a page; texts and values as they read."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.skeleton: list[str] = []
        self.texts: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton.append(" ".join([tag, *(name for name, _ in attrs)]))
        self.texts += [value for _, value in attrs if value]

    def handle_endtag(self, tag: str) -> None:
        self.skeleton.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.skeleton.append(f"comment {data}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def filled(value: Any, text: str) -> Any:
    """The same value with every text in it replaced, also names and keys; words of a closed set stay."""
    match value:
        case BaseModel():
            fields = type(value).model_fields
            chosen = {name for name in fields if get_origin(fields[name].annotation) is Literal} | DECIDES
            return value.model_copy(
                update={name: filled(getattr(value, name), text) for name in fields if name not in chosen}
            )
        case dict():
            items = cast("dict[str, Any]", value)
            return {key if key in DECIDES else text: filled(one, text) for key, one in items.items()}
        case tuple():
            return tuple(filled(one, text) for one in cast("tuple[Any, ...]", value))
        case str() if type(value) is str:
            return text
        case _:
            return value


def report_page(text: str) -> str:
    return page(filled(CONFIG, text), filled(FACTS, text))


def profile_page(text: str) -> str:
    return render("source_profile.html", found=filled(PROFILED, text))


PAGES = [pytest.param(report_page, 45, id="report"), pytest.param(profile_page, 12, id="profile")]


@pytest.mark.parametrize(("write", "least"), PAGES)
@settings(deadline=None)
@given(text=HOSTILE)
def test_a_hostile_text_stays_a_text(write: Callable[[str], str], least: int, text: str) -> None:
    """In HTML, attributes and SVG the page has the elements of one with harmless texts, and shows the text, cleaned."""
    hostile, harmless = Reader(write(text)), Reader(write("harmless"))

    assert hostile.skeleton == harmless.skeleton
    assert sum(clean_lines(text) in shown for shown in hostile.texts) >= least


def test_a_template_that_does_not_escape_would_be_seen() -> None:
    """The check above finds a single value that is put in as markup."""
    raw = partial(jinja2.Template("<p>{{ text }}</p>", autoescape=False).render)

    assert Reader(raw(text="<b>")).skeleton != Reader(raw(text="harmless")).skeleton


def test_a_missing_name_is_an_error() -> None:
    """A template never shows nothing for a fact that it names wrongly."""
    with pytest.raises(jinja2.UndefinedError):
        render("source_profile.html")
