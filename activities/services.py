"""Activities on the business services: e-mail check, accounts, billing; each one operation of an OpenAPI document."""

from typing import TYPE_CHECKING, TypeVar

from temporalio import activity

from towpath.contracts.core.service import (
    Account,
    CreateAccount,
    EmailVerification,
    SetUpBilling,
    Subscription,
    Undone,
    UndoRequest,
    VerifyEmail,
)
from towpath.contracts.core.wire import ActivityResult, EffectKey, Wire
from towpath.contracts.declared.run import CallAnswer, ServiceCall
from towpath.engine.run.selecting import pick

if TYPE_CHECKING:
    from towpath.config.secrets import Secrets
    from towpath.integrations.http.services import ServiceClient

ResultT = TypeVar("ResultT", bound=ActivityResult)


class ServiceActivities:
    """Typed doors to `ServiceClient`, whose errors pass: the activity edge converts them."""

    def __init__(self, services: "ServiceClient", secrets: "Secrets") -> None:
        self._services = services
        self._secrets = secrets

    @activity.defn(name="verify_email")
    async def verify_email(self, request: VerifyEmail) -> EmailVerification:
        return await self._call("email-check", "checkEmail", request, request.key, EmailVerification)

    @activity.defn(name="create_account")
    async def create_account(self, request: CreateAccount) -> Account:
        return await self._call("accounts", "createAccount", request, request.key, Account)

    @activity.defn(name="close_account")
    async def close_account(self, request: UndoRequest) -> Undone:
        return await self._call("accounts", "closeAccount", request, request.key, Undone)

    @activity.defn(name="set_up_billing")
    async def set_up_billing(self, request: SetUpBilling) -> Subscription:
        return await self._call("billing", "setUpSubscription", request, request.key, Subscription)

    @activity.defn(name="cancel_billing")
    async def cancel_billing(self, request: UndoRequest) -> Undone:
        return await self._call("billing", "cancelSubscription", request, request.key, Undone)

    @activity.defn(name="call_service")
    async def call_service(self, request: ServiceCall) -> CallAnswer:
        """Any operation of any service: a definition names it, and was checked against the service's document."""
        params = self._secrets.fill(request.params, request.references, request.secrets)
        masker = self._secrets.masker(request.references)
        answer = await self._services.call(request.service, request.operation, params, request.key)
        return CallAnswer(value=pick(masker.masked(answer), request.select))

    async def _call(
        self, service: str, operation: str, request: Wire, key: EffectKey, result: type[ResultT]
    ) -> ResultT:
        params = request.model_dump(mode="json", exclude={"key"})
        return result.model_validate(await self._services.call(service, operation, params, key))
