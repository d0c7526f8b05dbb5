"""All activities of the onboarding as one fake: answers at once, remembers what it was asked, fails on request."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from temporalio import activity

from towpath.contracts.core.claude import Answer, AskRequest, Provenance, StopReason, Usage
from towpath.contracts.core.delivery import Delivered, PostSlack, SendEmail, TeamNotice, UpdateCrm
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.review import FindReviewers, Reviewer, Reviewers
from towpath.contracts.core.service import (
    Account,
    CreateAccount,
    EmailVerdict,
    EmailVerification,
    SetUpBilling,
    Subscription,
    Undone,
    UndoRequest,
    VerifyEmail,
)
from towpath.contracts.core.wire import Wire
from towpath.contracts.onboarding.customer import CompanyResearch, KitFacts
from towpath.policy.onboarding.kit import template_kit

MODEL = "claude-test-1"
KEYED = frozenset(
    {
        "verify_email",
        "create_account",
        "close_account",
        "set_up_billing",
        "cancel_billing",
        "send_email",
        "post_slack",
        "update_crm",
        "notify_team",
        "call_service",
        "call_function",
        "call_operation",
        "http_request",
        "publish_post",
        "remove_post",
    }
)
"""Activities whose receivers know keys: what comes again under a known one must be the same."""


def refused(message: str = "refused") -> HouseError:
    return HouseError(FailureCode.SERVICE_REFUSED, message)


def unavailable() -> HouseError:
    return HouseError(FailureCode.SERVICE_UNAVAILABLE, "unavailable")


@dataclass
class FakeHouse:
    """`faults[name]` are raised in turn by the activity of that name; `answers[prompt]` are Claude's texts in turn."""

    faults: dict[str, list[HouseError]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, list[Answer | str]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, Any]] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict[str, str])
    reused: list[str] = field(default_factory=list[str])
    """Keys that came with two bodies: every test that has a house fails for one when it ends."""
    entered: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def asked(self, name: str) -> list[Any]:
        return [request for called, request in self.calls if called == name]

    def activities(self) -> Sequence[Callable[..., Any]]:
        return (
            self.verify_email,
            self.create_account,
            self.close_account,
            self.set_up_billing,
            self.cancel_billing,
            self.send_email,
            self.post_slack,
            self.update_crm,
            self.notify_team,
            self.find_reviewers,
            self.ask,
        )

    def see(self, name: str, request: Wire) -> None:
        """Note a key that comes with other bytes than before."""
        if name in KEYED:
            key, body = str(vars(request)["key"]), request.model_dump_json()
            if self.bodies.setdefault(key, body) != body:
                self.reused.append(f"{key}: {self.bodies[key]} and {body}")

    async def enter(self, name: str, request: Wire) -> None:
        self.calls.append((name, request))
        self.see(name, request)
        self.entered[name].set()
        if name in self.held:
            await self.held[name].wait()
        if self.faults[name]:
            raise self.faults[name].pop(0)

    @activity.defn(name="verify_email")
    async def verify_email(self, request: VerifyEmail) -> EmailVerification:
        await self.enter("verify_email", request)
        verdict = EmailVerdict.UNDELIVERABLE if "bounce" in request.email else EmailVerdict.DELIVERABLE
        return EmailVerification(verdict=verdict)

    @activity.defn(name="create_account")
    async def create_account(self, request: CreateAccount) -> Account:
        await self.enter("create_account", request)
        return Account(account_id="acc-1")

    @activity.defn(name="close_account")
    async def close_account(self, request: UndoRequest) -> Undone:
        await self.enter("close_account", request)
        return Undone(found=True)

    @activity.defn(name="set_up_billing")
    async def set_up_billing(self, request: SetUpBilling) -> Subscription:
        await self.enter("set_up_billing", request)
        return Subscription(subscription_id="sub-1")

    @activity.defn(name="cancel_billing")
    async def cancel_billing(self, request: UndoRequest) -> Undone:
        await self.enter("cancel_billing", request)
        return Undone(found="set_up_billing" in self.names())

    @activity.defn(name="send_email")
    async def send_email(self, request: SendEmail) -> Delivered:
        await self.enter("send_email", request)
        return Delivered(message_id="mail-1")

    @activity.defn(name="post_slack")
    async def post_slack(self, request: PostSlack) -> Delivered:
        await self.enter("post_slack", request)
        return Delivered(message_id="slack-1")

    @activity.defn(name="update_crm")
    async def update_crm(self, request: UpdateCrm) -> Delivered:
        await self.enter("update_crm", request)
        return Delivered(message_id="crm-1")

    @activity.defn(name="notify_team")
    async def notify_team(self, request: TeamNotice) -> Delivered:
        await self.enter("notify_team", request)
        return Delivered(message_id="notice-1")

    @activity.defn(name="find_reviewers")
    async def find_reviewers(self, request: FindReviewers) -> Reviewers:
        await self.enter("find_reviewers", request)
        leads = request.team == "compliance-leads"
        members = (
            (Reviewer(reviewer="lee", roles=("compliance-lead",)),)
            if leads
            else (
                Reviewer(reviewer="dana", roles=("compliance-officer",)),
                Reviewer(reviewer="noah", roles=("trainee",)),
            )
        )
        return Reviewers(team=request.team, roles=("compliance-officer", "compliance-lead"), members=members)

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        await self.enter("ask", request)
        if self.answers[request.prompt]:
            answer = self.answers[request.prompt].pop(0)
            return answer if isinstance(answer, Answer) else answered(request.prompt, answer)
        if request.prompt == "welcome-kit":
            return answered(request.prompt, template_kit(KitFacts.model_validate(request.input)).model_dump_json())
        return answered(request.prompt, RESEARCH.model_dump_json())


RESEARCH = CompanyResearch(industry="logistics", size="120", recent_news=[], competitors=[], sources=[])


def answered(prompt: str, text: str, stop_reason: StopReason = StopReason.END_TURN, *, notes: bool = False) -> Answer:
    """An answer of Claude for 1,200 tokens and a cent."""
    return Answer(
        text=text,
        stop_reason=stop_reason,
        usage=Usage(input_tokens=1000, output_tokens=200),
        cost_usd=Decimal("0.01"),
        provenance=Provenance(model=MODEL, request_id="req-1", prompt=prompt, prompt_digest="0" * 16),
        web_search=notes,
    )
