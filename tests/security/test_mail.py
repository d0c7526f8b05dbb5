"""A company named as an encoded word with a line break in it moved text into the headers and the body of its mail."""

import asyncio
import re
import string
from base64 import b64decode
from collections.abc import Sequence
from email.header import decode_header, make_header
from email.message import Message as Parsed
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.conftest import House
from tests.integration.definitions import document, start
from towpath.contracts.core.delivery import SendEmail
from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.integrations.channels.mail import Composed, Mailer, SmtpConfig, check, compose
from towpath.policy.core.mailboxes import DIRECTIONS, mail_address, one_line

LOOPBACK = "127.0.0.1"
SENDER = "Towpath <welcome@towpath.example>"
NAMES = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Content-Language",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
]
ENCODED = "=?utf-8?q?Hanbit=0D=0ABcc:_eve=40evil.example=0D=0A=0D=0AYour_new_password?="
HOSTILE = (
    ENCODED,
    "=?utf-8?b?SGFuYml0DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGUNCg0KaGk=?=",
    f"Hanbit {ENCODED} {ENCODED}",
    "Hanbit =?utf-8?q?=0A?=",
    "=?unknown?q?=0D=0A?= =?utf-8?q?",
    "Hanbit\r\nBcc: eve@evil.example\r\n\r\nhi",
    "Hanbit\u2028Bcc: eve@evil.example",
    "Hanbit\x0bBcc: eve@evil.example\x1c\x85",
    "Hanbit\x00\x07\x1b[2J",
    "Hanbit \u202eelpmaxe.live\u202c",
    "\udcff",
    "(" * 200 + ")" * 200,
    '"' * 100,
    "x" * 3000,
)
PARTS = ("=?", "?=", "\r\n", "\n", " ", ".", "Bcc: x@y.example", "한빛", "🙂", "From me")
MULTI = """
id: mailing
version: "1.0.0"
inputs: {company: {type: string}, to: {type: string}}
steps:
  - id: tell
    type: multi-channel
    config:
      channels:
        - email: {to: "{{ inputs.to }}", subject: "Welcome, {{ inputs.company }}", template: plain, data: "hello"}
"""
TEXTS = st.one_of(
    st.text(max_size=300),
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*HOSTILE, "=?", "?=", "\r\n", "\n", " ", ".", "Bcc: x@y.example", "한빛", "🙂"])).map(
        "".join
    ),
    st.text(string.printable, max_size=200),
)
LOCALS = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~.-한é", min_size=1, max_size=64)
WIDE = st.builds("{}@{}.example".format, LOCALS, st.text("abc한é", min_size=1, max_size=20)).filter(
    lambda text: "=?" not in text and "?=" not in text
)
ADDRESSES = st.one_of(st.builds("{}@{}.example".format, LOCALS, st.text("abc한-", min_size=1, max_size=20)), TEXTS)


def mail(**fields: str) -> SendEmail:
    """As it is, however broken: what a worker is given by plain JSON has not passed the starter."""
    usual: dict[str, Any] = {
        "to": "kim@hanbit.example",
        "subject": "s",
        "body": "b",
        "language": "en",
        "key": "run/step",
    }
    return SendEmail.model_construct(None, **{**usual, **fields})


def by_hand(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The raw headers in order, unfolded, and what follows them: nothing of the parser that production uses."""
    head, _, body = content.partition(b"\r\n\r\n")
    found: list[tuple[str, str]] = []
    for line in head.split(b"\r\n"):
        if line.startswith(b" "):
            name, value = found.pop()
            found.append((name, f"{value}\n{line.decode()}"))
        else:
            name, _, value = line.decode().partition(": ")
            found.append((name, value))
    return found, body


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def assert_as_meant(request: SendEmail, composed: Composed) -> None:
    """Each header once and as meant, on plain lines, and a body that holds what it should."""
    headers, body = by_hand(composed.content)
    assert [name for name, _ in headers] == NAMES
    values = dict(headers)
    assert values["To"] == composed.recipient.text
    assert decoded(values["Subject"]) == one_line(request.subject) or values["Subject"] == one_line(request.subject)
    assert not set(one_line(request.subject)) & (DIRECTIONS | set(map(chr, range(32))))
    assert all(len(line) <= 78 and b"\r" not in line and b"\n" not in line for line in body.split(b"\r\n"))
    text = b64decode(body) if values["Content-Transfer-Encoding"] == "base64" else body
    meant = re.sub("[\ud800-\udfff]", "\ufffd", re.sub("\r\n|\r|\n", "\r\n", request.body))
    assert text.decode().removesuffix("\r\n") == meant.removesuffix("\r\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_moves_into_other_headers(name: str) -> None:
    """Encoded words arrive as the text that they are; breaks are spaces, controls and turns of direction are shown."""
    request = mail(subject=f"Welcome, {name}")
    assert_as_meant(request, compose(request, SENDER))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_recipient_is_made_of_it(name: str) -> None:
    """An address that is none is refused for good, and certainly not sent."""
    for to in (name, f"{name}@hanbit.example", f"kim@{name}", f"{name} <kim@hanbit.example>"):
        with pytest.raises(DeliveryError) as caught:
            compose(mail(to=to), SENDER)
        assert (caught.value.code, caught.value.unknown) == (FailureCode.DELIVERY_REFUSED, False)


@pytest.mark.parametrize("language", ["en\r\nBcc: eve@evil.example", "en\n", "", "=?utf-8?q?=0A?=", "e" * 40])
def test_no_language_moves_into_other_headers(language: str) -> None:
    """A language is a tag."""
    with pytest.raises(DeliveryError):
        compose(mail(language=language), SENDER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"Subject: s\r\n", b"Subject: s\r\nBcc: eve@evil.example\r\n", id="header"),
        pytest.param(b"Subject: s\r\n", b"Subject: s\r\n\r\nhi\r\n", id="body"),
        pytest.param(b"Subject: s\r\n", b"Subject: s\nBcc: eve@evil.example\r\n", id="bare break"),
        pytest.param(b"Subject: s\r\n", b"Subject: =?utf-8?q?s=0D=0ABcc:?=\r\n", id="encoded break"),
        pytest.param(b"Subject: s\r\n", b"Subject: s\x00\r\n", id="control"),
        pytest.param(b"To: kim@hanbit.example", b"To: kim@hanbit.example, eve@evil.example", id="recipient"),
        pytest.param(b"To: kim@hanbit.example", b"To: eve@evil.example", id="other recipient"),
        pytest.param(b"From: Towpath", b"From: eve@evil.example, Towpath", id="sender"),
        pytest.param(b"\r\n\r\nb\r\n", b"\r\n\r\nb\n.\r\n", id="smuggled end"),
        pytest.param(b"\r\n\r\nb\r\n", b"\r\n\r\nc\r\n", id="other body"),
    ],
)
def test_bytes_that_say_something_else_are_not_sent(old: bytes, new: bytes) -> None:
    """Whatever wrote them: what goes out is read again first."""
    composed = compose(mail(), SENDER)
    assert old in composed.content
    changed = Composed(composed.sender, composed.recipient, composed.message_id, composed.content.replace(old, new))
    check(composed, NAMES, "s", "b\r\n")
    with pytest.raises(DeliveryError, match="the mail is not sent"):
        check(changed, NAMES, "s", "b\r\n")


class Arrived(Message):
    """A mail server's handler: envelopes as they came."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def prepare_message(self, session: Session, envelope: Envelope) -> Parsed:
        assert session.peer
        self.envelopes.append(envelope)
        return Parsed()

    def handle_message(self, message: Parsed) -> None:
        assert not message.keys()


async def sent(requests: Sequence[SendEmail], sender: str) -> list[Envelope]:
    """What a mail server has of these mails, each over a connection of its own."""
    arrived = Arrived()
    loop = asyncio.get_running_loop()
    made = partial(SMTP, arrived, hostname="mail.example", enable_SMTPUTF8=True, loop=loop)
    server = await loop.create_server(made, LOOPBACK, 0)
    async with server:
        mailer = Mailer(SmtpConfig(LOOPBACK, server.sockets[0].getsockname()[1], sender, tls="none"))
        for request in requests:
            await mailer.send(request)
    return arrived.envelopes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(mail, subject=TEXTS, body=TEXTS, to=WIDE), min_size=1, max_size=4), TEXTS)
def test_what_arrives_is_what_was_meant(requests: list[SendEmail], name: str) -> None:
    """Envelope, headers, sender, subject and body, at a real mail server, whatever the names and texts are."""
    sender = f"{''.join(set(name) - set('<>'))} <welcome@towpath.example>"
    for request, envelope in zip(requests, asyncio.run(sent(requests, sender)), strict=True):
        composed = compose(request, sender)
        assert isinstance(envelope.original_content, bytes)
        assert envelope.original_content == composed.content
        recipient = f"{composed.recipient.local}@{composed.recipient.domain}"
        assert (envelope.mail_from, envelope.rcpt_tos) == ("welcome@towpath.example", [recipient])
        assert_as_meant(request, composed)


@settings(max_examples=300, deadline=None)
@given(ADDRESSES, TEXTS, TEXTS)
def test_a_mail_is_refused_or_what_was_meant(to: str, subject: str, body: str) -> None:
    """And the same mail is the same bytes."""
    request = mail(to=to, subject=subject, body=body)
    if mail_address(to) is None:
        with pytest.raises(DeliveryError, match="the address is not") as caught:
            compose(request, SENDER)
        assert not caught.value.unknown
    else:
        composed = compose(request, SENDER)
        assert_as_meant(request, composed)
        assert compose(request, SENDER) == composed


async def test_a_run_tells_a_hostile_company_nothing_else(house: House) -> None:
    """Through a definition, a worker and the mail stand-in, the name arrives as the text that it is, and alone."""
    to = f"kim-{uuid4().hex[:8]}@hanbit.example"
    handle = await start(house, document(MULTI), {"company": ENCODED, "to": to})
    await handle.result()

    messages = (await house.http.get("/_standins/messages")).json()["mail"]
    [arrived] = [one for one in messages if to in one["to"]]
    assert (arrived["to"], arrived["subject"]) == ([to], f"Welcome, {ENCODED}")
    assert arrived["body"].split() == ["hello"]
