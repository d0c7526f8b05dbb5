"""Templates of mails that definitions may name: each makes subject and body of its data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from towpath.contracts.core.failure import DeliveryError, FailureCode
from towpath.engine.expression.values import as_text

MailMaker = Callable[[str, Any], tuple[str, str]]
"""Subject as the definition gives it, and data, to subject and body."""


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """`fields` is a JSON Schema of the data, {} for any. `subject_from` is the field of the data that gives the subject
    where the step does not.
    """

    make: MailMaker
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    subject_from: str | None = None


def make_mail(template: str, subject: str, data: Any) -> tuple[str, str]:
    """Subject and body. Raises DeliveryError, which names the template and never the data."""
    known = MAIL_TEMPLATES.get(template)
    if known is None:
        raise DeliveryError(FailureCode.DELIVERY_REFUSED, f"there is no mail template {template!r}")
    made, body = known.make(subject, data)
    if not made.strip() or not body.strip():
        raise DeliveryError(FailureCode.DELIVERY_REFUSED, f"mail template {template!r}: subject or body is empty")
    return made, body


def _whole(subject: str, data: Any) -> tuple[str, str]:
    """Data that is a finished mail: `subject` and `body`."""
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    return str(fields.get("subject") or subject), str(fields.get("body") or "")


def _plain(subject: str, data: Any) -> tuple[str, str]:
    """Text as it is; an object as one `name: value` line each, values beyond texts as JSON."""
    if isinstance(data, dict):
        fields = cast("dict[str, Any]", data)
        return subject, "\n".join(f"{name}: {as_text(value)}" for name, value in fields.items())
    return subject, "" if data is None else as_text(data)


MAIL_TEMPLATES: Mapping[str, MailTemplate] = {
    "welcome": MailTemplate(
        _whole,
        {
            "type": "object",
            "properties": {"subject": {"type": "string"}, "body": {"type": "string"}},
            "required": ["body"],
            "additionalProperties": False,
        },
        subject_from="subject",
    ),
    "plain": MailTemplate(_plain),
}
CRM_ACTIONS = frozenset({"updateStatus"})
