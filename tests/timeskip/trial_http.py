"""Calls over HTTP with each of their answers, for the comparison of `definition test` with Temporal."""

from collections.abc import Iterator

from tests.timeskip.trial_cases import AFTER, BEFORE, PLAIN, UNDO, TrialCase, case, probe, status_answer
from tests.timeskip.trial_samples import PASSING, REFUSED, sample_of


def http_cases() -> Iterator[TrialCase]:
    """Methods, statuses, polls, pages, and what is kept of an answer."""
    config = {**sample_of("http").config, "poll": {"until": "output.body.done", "every": "1h", "for": "5h"}}
    ready, waiting = ({"output": {"status": 200, "headers": {}, "body": {"done": done}}} for done in (True, False))
    for method in ("GET", "POST"):
        step = probe("http", {**config, "method": method})
        for more, name in (PLAIN, ({"compensate": UNDO}, ", compensate")):
            polled = [BEFORE, {**step, **more}, AFTER]
            yield case(f"http: {method} poll ends{name}", polled, {"probe": [waiting, waiting, ready]})
            yield case(f"http: {method} poll never ends{name}", polled, {"probe": waiting})
            yield case(f"http: {method} poll fails{name}", polled, {"probe": [waiting, {"fail": REFUSED}]})
            yield case(
                f"http: {method} poll in a timeout{name}",
                [BEFORE, {**step, **more, "timeout": "2h"}, AFTER],
                {"probe": waiting},
            )
            for status in (204, 302, 401, 404, 409, 429, 503):
                answer = {"probe": status_answer(status)}
                single = probe("http", {**sample_of("http").config, "method": method}, **more)
                yield case(f"http: {method} status {status}{name}", [BEFORE, single, AFTER], answer)
    yield from _pages()
    expecting = probe("http", {**sample_of("http").config, "expect": [404]})
    for status in (200, 404):
        answer = {"probe": status_answer(status)}
        yield case(f"http: {status} where 404 is expected", [BEFORE, expecting, AFTER], answer)
    signed = {**sample_of("http").config, "auth": {"basic": {"user": "a", "password": "{{ secrets.KEY }}"}}}
    yield case(
        "http: with auth", [BEFORE, probe("http", signed, compensate=UNDO), AFTER], {"probe": status_answer(401)}
    )
    picked = {"probe": {"output": {"status": 200, "headers": {}, "body": {"a": 1, "b": 2}}}}
    yield case("http: select", [BEFORE, probe("http", sample_of("http").config, select=["body.a"]), AFTER], picked)
    for kind in ("api", "openapi", "function"):
        step = probe(kind, sample_of(kind).config, select=["a"])
        yield case(f"{kind}: select", [BEFORE, step, AFTER], {"probe": {"output": {"a": 1, "b": 2}}})


def _pages() -> Iterator[TrialCase]:
    """Each style with an end, without one, with a page that fails, and with one that is no page."""
    first, other, last, no_list = (
        {"output": {"status": 200, "headers": headers, "body": {"all": items, "next": cursor}}}
        for headers, items, cursor in (
            ({"link": '<https://world.example/probe?n=2>; rel="next"'}, [1, 2], "c2"),
            ({"link": "<?n=3>; rel=next"}, [{"a": 3}], "c3"),
            ({}, [], None),
            ({}, "none", None),
        )
    )
    for style, more in (("page", {}), ("cursor", {"next": "{{ output.body.next }}"}), ("link", {})):
        paging = {"style": style, "items": "{{ output.body.all }}", "max": 3, **more}
        step = probe("http", {"url": "https://world.example/probe", "paging": paging})
        for name, answers in (
            ("ends", [first, other, last]),
            ("never ends", [first, other, first, other]),
            ("fails", [first, {"fail": REFUSED}]),
            ("is tried again", [first, {"fail": PASSING}, last]),
            ("is no list", [first, no_list]),
            ("is itself", [first, first, last]),
        ):
            yield case(f"http: {style} {name}", [BEFORE, step, AFTER], {"probe": answers})
