"""Requests and answers of the business services: e-mail check, accounts, billing.

The services themselves are described by the OpenAPI documents in `towpath/openapi`.
"""

from enum import StrEnum

from towpath.contracts.core.wire import ActivityResult, EffectKey, Wire


class EmailVerdict(StrEnum):
    DELIVERABLE = "deliverable"
    RISKY = "risky"
    UNDELIVERABLE = "undeliverable"


class VerifyEmail(Wire):
    email: str
    key: EffectKey


class EmailVerification(ActivityResult):
    verdict: EmailVerdict
    reason: str = ""


class CreateAccount(Wire):
    """`reference` names the customer at the service; creating again with it answers with the same account."""

    reference: str
    company: str
    email: str
    plan: str
    language: str
    key: EffectKey


class Account(ActivityResult):
    account_id: str
    status: str = "active"


class SetUpBilling(Wire):
    reference: str
    plan: str
    email: str
    key: EffectKey


class Subscription(ActivityResult):
    subscription_id: str
    status: str = "active"


class UndoRequest(Wire):
    """Undo by reference, not by id: it also holds when the answer to the original call was lost."""

    reference: str
    key: EffectKey


class Undone(ActivityResult):
    """`found` is False when there was nothing to undo."""

    found: bool
