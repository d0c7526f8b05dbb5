"""Mails: the one place that writes a message and gives it to a mail server.

The bytes are written here, the same for the same mail with every Python, and read again by two others before they are
sent: by hand, line by line, and by the parser of the standard library. What they find must be what was meant.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from typing import Literal

import aiosmtplib

from towpath.contracts.core.delivery import SendEmail
from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.contracts.core.wire import EffectKey
from towpath.policy.core.mailboxes import SHOWN, MailAddress, MailSender, is_atoms, mail_address, mail_sender, one_line

TlsMode = Literal["none", "starttls", "tls"]
LONGEST_LINE = 78
"""RFC 5322 asks for no more; longer texts are encoded."""
WORD_BYTES = 39
"""UTF-8 in one encoded word: the first of them and its header's name are within the 76 characters of RFC 2047."""
BODY_BYTES = 57
"""In a line of base64, of 76 characters."""
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_PLAIN = re.compile(r"[ -~]*")
_PLAIN_BODY = re.compile(r"(?:[\t -~]{0,78}\n)*")
_HALVES = re.compile("[\ud800-\udfff]")
_HEADER_LINE = re.compile(rb"(?:[A-Za-z-]+:)? [ -~]*")
_WIDE_LINE = re.compile(rb"(?:(?:From|To):)? [ -~\x80-\xff]*")
"""Of an address beyond ASCII (SMTPUTF8)."""


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsMode = "starttls"


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail as it goes out: envelope and bytes."""

    sender: MailSender
    recipient: MailAddress
    message_id: str
    content: bytes

    @property
    def wide(self) -> bool:
        """Whether an address needs SMTPUTF8."""
        return not (self.sender.address.is_ascii and self.recipient.is_ascii)


class Mailer:
    """Sends plain-text mail. A mail sent twice has one Message-ID, so that its receiver keeps one."""

    def __init__(self, config: SmtpConfig, timeout_seconds: float = 10.0) -> None:
        self._config = config
        self._timeout = timeout_seconds

    async def send(self, request: SendEmail) -> str:
        """The Message-ID. Raises DeliveryError."""
        config = self._config
        mail = compose(request, config.sender)
        server = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            username=config.user,
            password=config.password,
            use_tls=config.tls == "tls",
            start_tls=config.tls == "starttls",
            timeout=self._timeout,
        )
        ready = False
        options = ["SMTPUTF8"] if mail.wide else []
        try:
            async with server:
                ready = True
                await server.sendmail(
                    mail.sender.address.text, [mail.recipient.text], mail.content, mail_options=options
                )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryError(FailureCode.DELIVERY_AUTH, "the mail server refused the credentials") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max((refused.code for refused in error.recipients), default=550)
            raise _smtp_error(worst, "the recipient") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _smtp_error(error.code, "the message") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            if ready and isinstance(error, aiosmtplib.SMTPNotSupported):
                raise _refused("the mail server takes no address beyond ASCII (SMTPUTF8)") from error
            what = "the mail server broke off" if ready else "the mail server could not be reached"
            raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, what, sent=ready) from error
        return mail.message_id


def compose(request: SendEmail, sender: str) -> Composed:
    """The message on the wire. Raises DeliveryError for addresses and languages that are none."""
    origin, recipient = mail_sender(sender), mail_address(request.to)
    if origin is None:
        raise _refused("TOWPATH_MAIL_FROM is not `Name <address>`")
    if recipient is None:
        raise _refused("the address is not an e-mail address")
    if _LANGUAGE.fullmatch(request.language) is None:
        raise _refused("the language of the mail is not a language tag, such as en or pt-BR")
    subject, body = one_line(request.subject), _lines(request.body)
    plain = _PLAIN_BODY.fullmatch(body) is not None
    headers = [
        ("From", _written(origin)),
        ("To", recipient.text),
        ("Subject", _line_of("Subject", subject)),
        ("Message-ID", message_id(request.key)),
        ("Content-Language", request.language),
        ("Content-Type", 'text/plain; charset="utf-8"'),
        ("Content-Transfer-Encoding", "7bit" if plain else "base64"),
        ("MIME-Version", "1.0"),
    ]
    text = body.replace("\n", "\r\n")
    written = text.encode() if plain else b"".join(_base64(text.encode()))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
    mail = Composed(origin, recipient, message_id(request.key), head + b"\r\n" + written)
    check(mail, [name for name, _ in headers], subject, text)
    return mail


def message_id(key: EffectKey) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@towpath>"


def check(mail: Composed, names: Sequence[str], subject: str, text: str) -> None:
    """Refuses bytes in which another reader finds another mail than was meant. Raises DeliveryError."""
    head, _, body = mail.content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if any(_HEADER_LINE.fullmatch(line) is None and not (mail.wide and _WIDE_LINE.fullmatch(line)) for line in lines):
        raise _refused("the mail is not sent: a line of its headers is not a plain line")
    if [line.partition(b":")[0].decode() for line in lines if not line.startswith(b" ")] != [*names]:
        raise _refused("the mail is not sent: its headers would be others than were meant")
    if b"\0" in body or not body.isascii() or re.search(rb"\r(?!\n)|(?<!\r)\n", mail.content):
        raise _refused("the mail is not sent: its body would be no plain lines")
    try:
        read = message_from_bytes(mail.content, EmailMessage, policy=policy.SMTPUTF8 if mail.wide else policy.SMTP)
        told = _as_read(read)
    except (MessageError, ValueError, LookupError, AttributeError, IndexError) as error:
        raise _refused("the mail is not sent: it could not be read again") from error
    sender, recipient = mail.sender.address, mail.recipient
    people = [("From", mail.sender.name, sender), ("To", "", recipient)]
    meant = (
        [*names],
        [(name, "".join(shown.split()), one.local, one.domain) for name, shown, one in people],
        subject,
        mail.message_id,
        text,
    )
    if told != meant:
        raise _refused("the mail is not sent: it would be read as another mail")


def _as_read(read: EmailMessage) -> tuple[object, ...]:
    """Names of headers, people, subject, id and body, as the standard library has them. Spaces in names of people are
    left out: its older releases add some between encoded words.
    """
    people = [(name, one) for name in ("From", "To") for one in read[name].addresses]
    return (
        read.keys(),
        [
            (name, "".join(_text(one.display_name).split()), _text(one.username), _text(one.domain))
            for name, one in people
        ],
        str(read["Subject"]),
        str(read["Message-ID"]),
        read.get_content(),
    )


def _text(read: str) -> str:
    """Of an address: bytes beyond ASCII come as surrogates."""
    return read.encode("utf-8", "surrogateescape").decode()


def _lines(body: str) -> str:
    """With one kind of line end, and one at its end. Halves of characters, which UTF-8 has not, are shown as such."""
    text = _HALVES.sub(SHOWN, body).replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else f"{text}\n"


def _written(origin: MailSender) -> str:
    name, address = origin.name, origin.address.text
    if not name:
        return address
    if is_atoms(name) and len(name) + len(address) < LONGEST_LINE - len("From:  <>"):
        return f"{name} <{address}>"
    return f"{_encoded(name)}\r\n <{address}>"


def _line_of(name: str, text: str) -> str:
    """As it is, where nobody can read it otherwise; else in encoded words, from which it comes back as it was."""
    plain = _PLAIN.fullmatch(text) and "=?" not in text and len(name) + len(text) + 2 <= LONGEST_LINE
    return text if plain else _encoded(text)


def _encoded(text: str) -> str:
    """Encoded words of RFC 2047, one a line. No character is cut in two."""
    words = [f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in _parts(text)]
    return "\r\n ".join(words)


def _parts(text: str) -> Iterator[bytes]:
    part = b""
    for letter in text:
        more = letter.encode()
        if len(part) + len(more) > WORD_BYTES:
            yield part
            part = b""
        part += more
    yield part


def _base64(content: bytes) -> Sequence[bytes]:
    starts = range(0, len(content), BODY_BYTES)
    return [base64.b64encode(content[start : start + BODY_BYTES]) + b"\r\n" for start in starts]


def _refused(what: str) -> DeliveryError:
    return DeliveryError(FailureCode.DELIVERY_REFUSED, what, sent=False)


def _smtp_error(code: int, what: str) -> DeliveryError:
    """A refusal is an answer: a mail that a server refused, for good or for now, is not delivered by it."""
    passing = 400 <= code < 500
    return DeliveryError(
        FailureCode.DELIVERY_UNAVAILABLE if passing else FailureCode.DELIVERY_REFUSED,
        f"the mail server refused {what}: {code}",
        evidence={"smtp_code": code},
        sent=False,
    )
