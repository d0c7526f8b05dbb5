"""The channels that carry messages to people: SMTP and Slack."""

import hashlib
import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Literal

import aiosmtplib
import httpx

from towpath.contracts.core.delivery import PostSlack, SendEmail
from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.contracts.core.wire import EffectKey, json_object
from towpath.integrations.http.transport import never_sent
from towpath.policy.core.retry_after import retry_after

_ADDRESS = re.compile(r'[^@\s<>,;:"()\[\]\\]{1,64}@[^@\s<>,;:"()\[\]\\]{1,253}')
TlsMode = Literal["none", "starttls", "tls"]

SLACK_AUTH_ERRORS = frozenset({"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"})
SLACK_PASSING_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsMode = "starttls"


class Mailer:
    """Sends plain-text mail. A mail sent twice has one Message-ID, so that its receiver keeps one."""

    def __init__(self, config: SmtpConfig, timeout_seconds: float = 10.0) -> None:
        self._config = config
        self._timeout = timeout_seconds

    async def send(self, request: SendEmail) -> str:
        """The Message-ID. Raises DeliveryError."""
        config = self._config
        message = compose(request, config.sender)
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
        try:
            async with server:
                ready = True
                await server.send_message(message)
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryError(FailureCode.DELIVERY_AUTH, "the mail server refused the credentials") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max((refused.code for refused in error.recipients), default=550)
            raise _smtp_error(worst, "the recipient") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _smtp_error(error.code, "the message") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            what = "the mail server broke off" if ready else "the mail server could not be reached"
            raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, what, sent=ready) from error
        return str(message["Message-ID"])


def compose(request: SendEmail, sender: str) -> EmailMessage:
    """The message on the wire. Line breaks in a header field cannot add another one: they become spaces."""
    message = EmailMessage()
    message["From"] = sender
    if _ADDRESS.fullmatch(request.to) is None:
        raise DeliveryError(FailureCode.DELIVERY_REFUSED, "the address is not an e-mail address")
    local, _, domain = request.to.rpartition("@")
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = " ".join(request.subject.split())
    message["Message-ID"] = message_id(request.key)
    message["Content-Language"] = request.language
    message.set_content(request.body)
    return message


def message_id(key: EffectKey) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@towpath>"


def _smtp_error(code: int, what: str) -> DeliveryError:
    """A refusal is an answer: a mail that a server refused, for good or for now, is not delivered by it."""
    passing = 400 <= code < 500
    return DeliveryError(
        FailureCode.DELIVERY_UNAVAILABLE if passing else FailureCode.DELIVERY_REFUSED,
        f"the mail server refused {what}: {code}",
        evidence={"smtp_code": code},
        sent=False,
    )


class Slack:
    """Posts to Slack's Web API. The effect key travels in the message's metadata, where a receiver can see it."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, token: str) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/chat.postMessage"
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, request: PostSlack) -> str:
        """The message's `ts`. Raises DeliveryError."""
        body = {
            "channel": request.channel,
            "text": escape(request.text),
            "metadata": {"event_type": "towpath_effect", "event_payload": {"idempotency_key": request.key}},
        }
        try:
            response = await self._http.post(self._url, json=body, headers=self._headers)
        except httpx.RequestError as error:
            sent = not never_sent(error)
            raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, "Slack could not be reached", sent=sent) from error
        if response.status_code == 429:
            wait = retry_after(response.headers)
            raise DeliveryError(FailureCode.DELIVERY_RATE_LIMITED, "Slack asks to wait", retry_after=wait)
        if not response.is_success:
            raise DeliveryError(
                FailureCode.DELIVERY_UNAVAILABLE if response.status_code >= 500 else FailureCode.DELIVERY_REFUSED,
                f"Slack answered {response.status_code}",
            )
        return _posted(response)


def _posted(response: httpx.Response) -> str:
    answer = json_object(response.content)
    if answer is None:
        raise DeliveryError(FailureCode.DELIVERY_UNAVAILABLE, "Slack's answer is not JSON")
    if answer.get("ok") is True:
        return str(answer.get("ts", ""))
    error = str(answer.get("error", ""))
    name = error if error.replace("_", "").isalnum() and len(error) <= 64 else "unknown"
    code = FailureCode.DELIVERY_REFUSED
    if name in SLACK_AUTH_ERRORS:
        code = FailureCode.DELIVERY_AUTH
    elif name in SLACK_PASSING_ERRORS:
        code = FailureCode.DELIVERY_UNAVAILABLE
    elif name == "ratelimited":
        code = FailureCode.DELIVERY_RATE_LIMITED
    raise DeliveryError(code, f"Slack refused the message: {name}", evidence={"slack_error": name})


def escape(text: str) -> str:
    """Slack's control characters made plain, so that a customer's text cannot mention or link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
