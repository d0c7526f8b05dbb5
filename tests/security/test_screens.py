"""What others write reaches every screen as text on its line: no cursor moves, no line is forged, nothing hides."""

import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from tests.unit.incident.material import NOON, alert
from tests.unit.incident.recorded import body
from tests.unit.pipeline.test_report_page import profile_page, report_page
from towpath.cli.as_json import visible
from towpath.cli.incident.commands import describe
from towpath.cli.terminal import Screen
from towpath.contracts.core.delivery import PostSlack, SendEmail, TeamNotice
from towpath.contracts.core.review import ReviewTask
from towpath.contracts.core.text import clean, clean_lines
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.alerts import AlertGroup, AlertmanagerWebhook
from towpath.contracts.incident.incident import IncidentView, PageRequest, TimelineEntry
from towpath.contracts.onboarding.customer import Customer
from towpath.integrations.channels.channels import Slack
from towpath.integrations.channels.mail import compose
from towpath.integrations.channels.pagerduty import PagerDuty
from towpath.policy.incident.deliveries import parts
from towpath.policy.incident.messages import notice, page
from towpath.policy.incident.severity import assess

KEY = EffectKey("incident-response/x/notice/opened")
FORGED = "\x1b[2JALL CLEAR\n  2026-11-30 01:46:09 approved by sora"
HOSTILE = [
    pytest.param(FORGED, id="escape and line"),
    pytest.param("a\r\x1b[1A\x1b[2Kapproved", id="line above"),
    pytest.param("\x9b31mred\x9d0;title\x9c", id="C1 controls"),
    pytest.param("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", id="link of a terminal"),
    pytest.param("safe\u202egnp.exe\u2066x\u2069", id="turned around"),
    pytest.param("pay\u200bpal\u200d\ufeff\u2060\u00ad", id="zero width"),
    pytest.param("a\u2028b\u2029c\x85d\x0be\x0cf", id="other line ends"),
    pytest.param("tag\U000e0041\U000e0042", id="tags"),
    pytest.param("bell\x07\x08\x7f\x00", id="bell, backspace, delete"),
    pytest.param("half\ud800", id="half of a character"),
]


def is_clean(text: str) -> bool:
    """On one line, all of it seen."""
    return text.isprintable()


def on_a_terminal(text: str) -> str:
    out = io.StringIO()
    screen = Screen(file=out, width=4000, highlight=False)
    screen.print(clean(text), markup=False, soft_wrap=True)
    table = Table(box=None)
    table.add_column("label")
    table.add_row(clean(text))
    screen.print(table)
    return out.getvalue()


def in_json(text: str) -> str:
    shown = visible(json.dumps({"label": text}, ensure_ascii=False))
    assert json.loads(shown) == {"label": text}
    return shown


def in_an_incident(text: str) -> str:
    told = AlertGroup(group_key=text, labels={text: text}, alerts=(alert(text),))
    entry = TimelineEntry(at=NOON, what=text)
    shown = describe(IncidentView(service=text, group=told, timeline=(entry,), degraded={text: text}))
    assert len(shown) == 5
    return "".join(shown)


def in_a_page_request(text: str) -> str:
    told = parts(AlertmanagerWebhook.model_validate({"alerts": [{"labels": {"alertname": text, text: text}}]}), NOON)
    group = AlertGroup(group_key="g", labels=told[0].labels, alerts=told[0].batches[0].alerts)
    asked = page("incident-response/x", text, assess(group.alerts, (), ()), group, 1, KEY, text)
    return asked.summary + asked.source + json.dumps(asked.details, ensure_ascii=False)


def in_a_notice(text: str) -> str:
    title, lines = notice("handed-over", "incident-response/x", text, None, text)
    assert lines.count("\n") <= 1
    return title + lines.replace("\n", "")


def in_a_mail(text: str) -> str:
    mail = SendEmail(to="kim@hanbit.example", subject="Welcome", body=f"Hello {text}", key=KEY)
    assert compose(mail, "Towpath <towpath@hanbit.example>").content
    return mail.body.replace("\n", "")


def in_a_report(text: str) -> str:
    return (profile_page(text) + report_page(text)).replace("\n", "")


def in_a_customer(text: str) -> str:
    given = {
        "email": "kim@hanbit.example",
        "company": f"Hanbit {text}",
        "plan": "starter",
        "contact_name": f"Kim {text}",
    }
    customer = Customer.model_validate(given)
    return customer.company + (customer.contact_name or "")


def in_a_review(text: str) -> str:
    times = {"opened_at": NOON, "remind_at": NOON, "escalate_at": NOON, "due_at": NOON}
    given = {"workflow_id": "x", "team": "t", "title": text, "reasons": [clean(text)], **times}
    task = ReviewTask.model_validate(given)
    notice = TeamNotice(team="t", title=text, text=clean(text), workflow_id="x", key=KEY)
    return task.title + "".join(task.reasons) + notice.title + notice.text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "shown",
    [in_json, in_an_incident, in_a_page_request, in_a_notice, in_a_mail, in_a_report, in_a_customer, in_a_review],
    ids=lambda shown: shown.__name__,
)
def test_others_texts_are_clean_where_they_are_shown(shown: Callable[[str], str], text: str) -> None:
    """Whatever stands in a label, a name or a company, each place shows it on its line."""
    assert is_clean(shown(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_gets_text_alone(text: str) -> None:
    """Also where a command forgets the cleaner, the console lets nothing but text and its own lines through."""
    out = io.StringIO()
    screen = Screen(file=out, width=4000, highlight=False)
    screen.print(text, markup=False, soft_wrap=True)
    table = Table(box=None)
    table.add_column("label")
    table.add_row(text)
    screen.print(table)

    assert is_clean(out.getvalue().replace("\n", ""))
    assert on_a_terminal(text).count("\n") == 3


def test_a_terminal_keeps_our_colours() -> None:
    """Styles of ours are shown; an escape in the text between them is not."""
    out = io.StringIO()
    Screen(file=out, force_terminal=True, color_system="standard", width=80, highlight=False).print(
        "[red]a\x1b[2Jb[/red]"
    )

    assert out.getvalue() == "\x1b[31ma [2Jb\x1b[0m\n"


@pytest.mark.parametrize("text", HOSTILE)
async def test_slack_and_pagerduty_get_clean_texts(text: str) -> None:
    """What goes out is clean, whoever wrote it and whichever way it came."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content.decode())
        return httpx.Response(
            202 if "enqueue" in str(request.url) else 200, json={"ok": True, "ts": "1", "dedup_key": "k"}
        )

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    posted = PostSlack.model_construct(channel="#a", text=text, key=KEY)
    await Slack(http, "https://slack.example/api", "t").post(posted)
    asked: dict[str, Any] = {
        "summary": text,
        "severity": "critical",
        "source": text,
        "level": 1,
        "details": {text: text},
        "key": KEY,
    }
    await PagerDuty(http, "https://pager.example", ("k",)).page(PageRequest.model_construct(None, **asked, link=""))

    told = [json.loads(one) for one in seen]
    event = told[1]["payload"]
    shown = [
        event["summary"],
        event["source"],
        event["component"],
        *event["custom_details"],
        *event["custom_details"].values(),
    ]
    assert all(is_clean(one) for one in (told[0]["text"].replace("\n", ""), *shown))


def test_the_recorded_body_shows_one_line() -> None:
    """The label that Alertmanager really passed on, with an escape and a line break, is one line of `incident show`."""
    (part,) = parts(AlertmanagerWebhook.model_validate(body("alertmanager-control-characters")), NOON)
    (told,) = part.batches[0].alerts

    assert "approved by sora" in told.labels["instance"]
    assert is_clean(told.labels["instance"])


@given(st.text())
def test_clean_is_clean_and_stays(text: str) -> None:
    """For any text: the result is printable, cleaning it again changes nothing, and plain text is left as it is."""
    found = clean(text)

    assert is_clean(found) and clean(found) == found
    assert all(is_clean(line) for line in clean_lines(text).split("\n"))


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\u115f\u1160\u3164\uffa0\u2800")))
def test_letters_of_all_scripts_are_kept(text: str) -> None:
    """Names of people and companies keep their letters."""
    assert clean(text) == "".join(" " if letter.isspace() else letter for letter in text)
