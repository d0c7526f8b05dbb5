"""A mail server on loopback: keeps one mail for each Message-ID, counts what was repeated, and refuses another
mail under a known one, which no mailbox does: what is sent under one key must be the same.
"""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from towpath.standins.ledger import Answer, EffectLedger


class Mailbox:
    """aiosmtpd's handler. Mails are kept as subject, recipient and body."""

    def __init__(self, ledger: EffectLedger) -> None:
        self.mails: list[dict[str, Any]] = []
        self._ledger = ledger

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, policy=policy.default)
        message_id = str(message["Message-ID"])
        body = message.get_content()
        whole = content.decode("latin-1")
        status, _ = self._ledger.perform("mail", message_id, whole, lambda: self._keep(message, envelope, str(body)))
        return "250 OK" if status < 400 else "554 another mail had this Message-ID"

    def _keep(self, message: EmailMessage, envelope: Envelope, body: str) -> Answer:
        self.mails.append({"to": envelope.rcpt_tos, "subject": str(message["Subject"]), "body": body})
        return 200, {}


async def serve_mail(mailbox: Mailbox, host: str, port: int) -> asyncio.Server:
    """A listening server, on the running loop; port 0 is a free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(mailbox, hostname="standin.local", enable_SMTPUTF8=True, loop=loop), host, port
    )
