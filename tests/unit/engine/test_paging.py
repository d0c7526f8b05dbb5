"""Links to the next page, by the examples of RFC 8288 and as httpx reads them."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.engine.run.paging import next_query

URL = "https://api.example/orders"
VECTORS = {
    '<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"': None,
    '</>; rel="http://example.net/foo"': None,
    '</terms>; rel="copyright"; anchor="#foo"': None,
    "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, </TheBook/chapter4?page=4>; "
    "rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel": {"page": "4"},
    '<http://example.org/?n=1>; rel="start http://example.net/relation/other next"': {"n": "1"},
    "<?a=1&a=2&b=>; rel=next": {"a": ["1", "2"], "b": ""},
    '<?a=1>; REL="Next"': {"a": "1"},
    '<?a=1>; title="rel=next"; rel="prev"': None,
    '<?a=1>; rel="nextish"': None,
    '<?q=a%2Cb;c>; title="x, y"; rel="next"': {"q": "a,b;c"},
    '</orders/2>; rel="next"': {},
    "": None,
    "next": None,
}


@pytest.mark.parametrize(("header", "query"), VECTORS.items())
def test_links_of_the_rfc(header: str, query: object) -> None:
    """Relations by name, in any case and among others; a text in quotes is none."""
    assert next_query(header) == query


LINKS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abc"), st.text("xyz09", max_size=3), max_size=2),
        st.sampled_from(["next", "prev", "first", "last"]),
        st.sampled_from(["", '; title="of it"', "; type=text/html"]),
    ),
    max_size=4,
    unique_by=lambda link: link[1],
)


@given(LINKS)
def test_as_httpx_reads_them(links: list[tuple[dict[str, str], str, str]]) -> None:
    """Another implementation finds the same next page."""
    header = ", ".join(f'<{URL}?{httpx.QueryParams(query)}>{more}; rel="{relation}"' for query, relation, more in links)
    found = httpx.Response(200, headers={"link": header}).links.get("next")
    wanted = None if found is None else dict(httpx.URL(found["url"]).params)
    assert next_query(header) == wanted
