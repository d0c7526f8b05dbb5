"""What a person says of a post in doubt: an id of the platform, at an address of the account, or nothing at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.contracts.publishing.posting import Settle
from towpath.policy.publishing.settling import settlement_problem

X, LINKEDIN, BLOG = "https://x.com/towpath/status/", "https://www.linkedin.com/feed/update/", "https://blog.example/"
PLACES = {"x": X, "linkedin": LINKEDIN, "wordpress": BLOG}
URN = "urn:li:share:7141138937766391808"


def said(post_id: str, url: str = "", **fields: object) -> Settle:
    return Settle.model_validate(
        {"job": "x", "published": True, "post_id": post_id, "url": url, "by": "dana", **fields}
    )


def problem(adapter: str, settlement: Settle, known: tuple[str, ...] = ()) -> str | None:
    return settlement_problem(adapter, PLACES.get(adapter, ""), settlement, known)


@pytest.mark.parametrize(
    ("adapter", "settlement"),
    [
        pytest.param("x", said("1900000000000000001"), id="x"),
        pytest.param("x", said("19283", f"{X}19283"), id="x-address"),
        pytest.param("x", said("19283", "https://twitter.com/Towpath/status/19283/?s=20"), id="x-old-name"),
        pytest.param("x", said("19283", "https://mobile.x.com/i/web/status/19283"), id="x-without-a-name"),
        pytest.param("linkedin", said(URN), id="linkedin"),
        pytest.param("linkedin", said(URN, f"{LINKEDIN}{URN}/"), id="linkedin-address"),
        pytest.param("linkedin", said("urn:li:ugcPost:71"), id="linkedin-older"),
        pytest.param("wordpress", said("12", f"{BLOG}2026/12/a-post/"), id="blog"),
        pytest.param("other", said("at://did:plc:1/app/3k"), id="another-platform"),
        pytest.param("x", said("", published=False), id="not-out"),
        pytest.param("x", said("", published=False, give_up=True), id="given-up"),
    ],
)
def test_what_counts(adapter: str, settlement: Settle) -> None:
    """Ids in the platform's form, and addresses as people copy them."""
    assert problem(adapter, settlement) is None


@pytest.mark.parametrize(
    ("adapter", "settlement", "why"),
    [
        pytest.param("x", said('"><script>1</script>', "javascript:alert(1)"), "in no form of x's", id="markup"),
        pytest.param("x", said("19283", "javascript:alert(1)"), "the address is none", id="script"),
        pytest.param("x", said("0"), "in no form", id="zero"),
        pytest.param("x", said("19283\n"), "in no form", id="line"),
        pytest.param("x", said("１９２８３"), "in no form", id="other-digits"),
        pytest.param("x", said("9" * 20), "in no form", id="long"),
        pytest.param("x", said(URN), "a number", id="of-another-platform"),
        pytest.param("linkedin", said("19283"), "urn:li:share", id="number-on-linkedin"),
        pytest.param("x", said("7"), "another post of this campaign", id="known"),
        pytest.param("x", said("19283", "https://x.com.evil.example/towpath/status/19283"), "not on", id="host"),
        pytest.param("x", said("19283", "https://x.com@evil.example/towpath/status/19283"), "is none", id="user"),
        pytest.param("x", said("19283", "http://x.com/towpath/status/19283"), "not on", id="plain"),
        pytest.param("x", said("19283", f"{X}19284"), "not the one of the post", id="another-post"),
        pytest.param("x", said("19283", "https://x.com/towpath"), "not the one of the post", id="profile"),
        pytest.param("x", said("19283", "https://x.com/mallory/status/19283"), "another account", id="account"),
        pytest.param("wordpress", said("12", "https://evil.example/a-post"), "another account", id="another-site"),
        pytest.param("linkedin", said(URN, "https://www.linkedin.com/feed/update/urn:li:share:1"), "post", id="urn"),
        pytest.param("x", said("19283", published=False), "neither id nor address", id="id-of-nothing"),
        pytest.param("x", said("", f"{X}1", published=False), "neither id nor address", id="address-of-nothing"),
        pytest.param("x", said("19283", give_up=True), "not given up", id="out-and-given-up"),
        pytest.param("other", said("<b>"), "one word", id="markup-elsewhere"),
    ],
)
def test_what_does_not(adapter: str, settlement: Settle, why: str) -> None:
    """Each with its reason."""
    found = problem(adapter, settlement, ("7",))
    assert found is not None and why in found


@given(adapter=st.sampled_from([*PLACES, "other"]), post_id=st.text(max_size=30), url=st.text(min_size=1, max_size=60))
def test_any_answer_is_judged(adapter: str, post_id: str, url: str) -> None:
    """Whatever is said is taken or refused; what is taken has no character of markup, and no address but of the web."""
    for settlement in (said(post_id, url), said(post_id, f"https://{url}"), said("19283", f"{X}{url}")):
        if problem(adapter, settlement) is None:
            assert settlement.url.startswith(("https://", "http://"))
            assert not set(settlement.post_id) & set("<>\"' \n")
