"""The matrix of forged URLs: what is refused before a look-up, what after it, and what opens a network."""

import pytest

from tests.unit.guarded_http.loopback import (
    INNER,
    LOOPBACK,
    Loopback,
    Names,
    asked,
    connection,
    connections,
    failing,
    guarded,
)
from towpath.config.connections import url_problems
from towpath.contracts.core.failure import FailureCode

PUBLIC = connection("public", hosts=["api.example.com", "*.example.org"])

FORGED = [
    *("http://localhost/", "https://localhost/", "https://127.0.0.1/", "https://127.1/", "https://127.255.255.254/"),
    *(
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
    ),
    *("https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/"),
    *("https://100.64.0.1/", "https://0.0.0.0/", "https://0/", "https://224.0.0.1/", "https://240.0.0.1/"),
    *("https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/"),
    *("https://[64:ff9b::7f00:1]/", "https://[fd00:ec2::254]/", "https://[fc00::1]/", "https://[fe80::1]/"),
    *("https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://[0:0:0:0:0:0:0:1]/", "https://①②⑦.0.0.1/"),
    *("file:///etc/passwd", "gopher://api.example.com/", "ftp://api.example.com/", "//api.example.com/", "/path", ""),
    *("http://api.example.com/", "https://api.example.com:8443/", "https://api.example.com:0/", "https://8.8.8.8/"),
    *("https://user@api.example.com/", "https://user:pass@api.example.com/", "https://api.example.com@127.0.0.1/"),
    *("https://127.0.0.1\\@api.example.com/", "https://api.example.com\\.evil.example/", "https://api.example.com\n/"),
    *(
        "https://evilapi.example.com/",
        "https://api.example.com.evil.example/",
        "https://example.org/",
        "https://.example.org/",
    ),
    *("https://api.example.com./", "https://api%2eexample.com/", f"https://{'a' * 64}.example.org/", "https:///x"),
    *("https://xn--\udc80.example.org/", "https://api.example.com:99999/", "https://api.example.com:port/"),
]

INSIDE = {
    "loopback": LOOPBACK,
    "loopback elsewhere": "127.9.9.9",
    "private 10": "10.0.0.1",
    "private 172": "172.31.255.255",
    "private 192": "192.168.0.1",
    "shared": "100.64.0.1",
    "metadata": "169.254.169.254",
    "link-local": "169.254.1.1",
    "this network": "0.1.2.3",
    "multicast": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "documentation": "203.0.113.5",
    "v6 loopback": "::1",
    "v6 unique local": "fd12::1",
    "v6 metadata": "fd00:ec2::254",
    "v6 link-local": "fe80::1",
    "v6 multicast": "ff02::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "compatible loopback": "::7f00:1",
    "nat64 loopback": "64:ff9b::7f00:1",
    "nat64 private": "64:ff9b::a00:1",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 metadata": "2002:a9fe:a9fe::",
    "teredo": "2001:0:7f00:1::",
}
NEVER = sorted(
    set(INSIDE)
    - {"loopback", "loopback elsewhere", "private 10", "private 172", "private 192", "v6 loopback", "v6 unique local"}
)


@pytest.mark.parametrize("url", FORGED)
async def test_forged_urls_are_refused_before_a_look_up(url: str) -> None:
    """A URL that no connection allows is refused at check time and at run time, and its name is not looked up."""
    names = Names({})

    async with guarded(PUBLIC, names=names) as http:
        error = await failing(http, asked(url))

    assert url_problems(url, connections(PUBLIC)) != []
    assert (error.code, error.retryable) == (FailureCode.SERVICE_BAD_REQUEST, False)
    assert "meta-data" not in error.message
    assert names.lookups == []


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE.keys())
async def test_names_that_lead_inside_are_refused(address: str) -> None:
    """An allowed name is refused when it resolves to an address that is not public, by whatever wrapping."""
    names = Names({"api.example.com": [[address]]})

    async with guarded(PUBLIC, names=names) as http:
        error = await failing(http, asked("https://api.example.com/path"))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST
    assert error.message == "GET api.example.com: its address is not allowed"
    assert names.lookups == ["api.example.com"]


@pytest.mark.parametrize("kind", NEVER)
async def test_no_connection_opens_metadata_and_wrapped_addresses(kind: str) -> None:
    """`allow_private` opens loopback and private networks, and nothing else."""
    open_wide = connection("open", hosts=["api.example.com"], allow_private=True, allow_http=True)

    async with guarded(open_wide, names=Names({"api.example.com": [[INSIDE[kind]]]})) as http:
        error = await failing(http, asked("http://api.example.com/path"))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST


async def test_a_name_with_both_kinds_of_address_is_refused() -> None:
    """A public address does not make up for a private one beside it."""
    names = Names({"api.example.com": [["93.184.216.34", "10.0.0.1"]]})

    async with guarded(PUBLIC, names=names) as http:
        error = await failing(http, asked("https://api.example.com/path"))

    assert error.code is FailureCode.SERVICE_BAD_REQUEST


async def test_a_name_that_moves_is_looked_up_once_and_judged_again(server: Loopback) -> None:
    """The socket goes to the address that was judged; when the name has moved by the next connection, it is refused."""
    names = Names({"one.example": [[LOOPBACK], ["169.254.169.254"]]})
    server.says("/path", body=b"ok")

    async with guarded(INNER, names=names) as http:
        answer = await http.send(asked(server.url("/path", "one.example")))
        after_first = list(names.lookups)
        error = await failing(http, asked(server.url("/path", "one.example")))

    assert answer.status == 200
    assert after_first == ["one.example"]
    assert server.seen[0].headers["host"] == f"one.example:{server.port}"
    assert error.code is FailureCode.SERVICE_BAD_REQUEST
    assert len(server.seen) == 1


async def test_unknown_names_may_be_tried_again() -> None:
    """A name that does not resolve is a passing failure."""
    async with guarded(PUBLIC, names=Names({})) as http:
        error = await failing(http, asked("https://api.example.com/path"))

    assert (error.code, error.retryable) == (FailureCode.SERVICE_CONNECTION, True)


@pytest.mark.parametrize(
    ("url", "name", "problem"),
    [
        (
            "https://api.exmple.com/",
            None,
            "no connection allows the host api.exmple.com; did you mean api.example.com?",
        ),
        (
            "https://api.example.com/",
            "pubic",
            "connection 'pubic' is not in the connections file; did you mean public?",
        ),
        ("http://127.0.0.1/", "public", "connection 'public' does not allow the host 127.0.0.1"),
        ("https://10.0.0.1/", None, "host 10.0.0.1 is an address, and no connection with allow_private names it"),
        ("https://0x7f.1/", None, "host 0x7f.1 is an address in an unusual spelling"),
        ("http://api.example.com/", None, "connection 'public' allows https only"),
        ("https://a.example.org:8443/", None, "connection 'public' does not allow port 8443"),
        ("https://u:p@a.example.org/", None, "user name or password in the URL: give a header with a secret"),
        ("file:///etc/passwd", None, "scheme 'file' is not https"),
        ("/path", None, "not an absolute URL"),
        ("https://a\\b/", None, "not a URL"),
    ],
)
def test_problems_say_what_to_mend(url: str, name: str | None, problem: str) -> None:
    """Each problem is one line that names the part at fault."""
    assert url_problems(url, connections(PUBLIC, INNER), name)[0] == problem


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://api.example.com",
            "https://API.Example.com:443/x?y#z",
            "https://a.b.example.org/",
            "http://127.0.0.1:1/",
        ),
        *("http://one.example/", "https://one.example:8443/"),
    ],
)
def test_allowed_urls_have_no_problems(url: str) -> None:
    """What the connections allow is let through."""
    assert url_problems(url, connections(PUBLIC, INNER)) == []
