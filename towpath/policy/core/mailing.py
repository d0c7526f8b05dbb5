"""Templates of mails that definitions may name: each makes subject and body of its data."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from towpath.contracts.core.failure import DeliveryError, FailureCode

MailTemplate = Callable[[str, Any], tuple[str, str]]
"""Subject as the definition gives it, and data, to subject and body."""


def make_mail(template: str, subject: str, data: Any) -> tuple[str, str]:
    """Subject and body. Raises DeliveryError, which names the template and never the data."""
    maker = MAIL_TEMPLATES.get(template)
    if maker is None:
        raise DeliveryError(FailureCode.DELIVERY_REFUSED, f"there is no mail template {template!r}")
    made, body = maker(subject, data)
    if not made.strip() or not body.strip():
        raise DeliveryError(FailureCode.DELIVERY_REFUSED, f"mail template {template!r}: subject or body is empty")
    return made, body


def _whole(subject: str, data: Any) -> tuple[str, str]:
    """Data that is a finished mail: `subject` and `body`."""
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    return str(fields.get("subject") or subject), str(fields.get("body") or "")


def _plain(subject: str, data: Any) -> tuple[str, str]:
    """Text as it is; an object as one `name: value` line each."""
    if isinstance(data, dict):
        fields = cast("dict[str, Any]", data)
        return subject, "\n".join(f"{name}: {value}" for name, value in fields.items())
    return subject, "" if data is None else str(data)


MAIL_TEMPLATES: Mapping[str, MailTemplate] = {"welcome": _whole, "plain": _plain}
CRM_ACTIONS = frozenset({"updateStatus"})
