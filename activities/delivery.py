"""Activities that deliver one message to one channel: e-mail, Slack, CRM, and a team's Slack channel."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.core.delivery import Delivered, PostSlack, SendEmail, TeamNotice, UpdateCrm
from towpath.contracts.core.failure import DeliveryError, FailureCode

if TYPE_CHECKING:
    from towpath.integrations.channels.channels import Slack
    from towpath.integrations.channels.mail import Mailer
    from towpath.integrations.http.services import ServiceClient


class DeliveryActivities:
    """`team_channels` maps a team to its Slack channel."""

    def __init__(
        self, mailer: "Mailer", slack: "Slack", services: "ServiceClient", team_channels: Mapping[str, str]
    ) -> None:
        self._mailer = mailer
        self._slack = slack
        self._services = services
        self._team_channels = team_channels

    @activity.defn(name="send_email")
    async def send_email(self, request: SendEmail) -> Delivered:
        return Delivered(message_id=await self._mailer.send(request))

    @activity.defn(name="post_slack")
    async def post_slack(self, request: PostSlack) -> Delivered:
        return Delivered(message_id=await self._slack.post(request))

    @activity.defn(name="update_crm")
    async def update_crm(self, request: UpdateCrm) -> Delivered:
        params = request.model_dump(mode="json", exclude={"key"})
        answer = await self._services.call("crm", "updateStatus", params, request.key)
        return Delivered(message_id=str(answer["update_id"]))

    @activity.defn(name="notify_team")
    async def notify_team(self, request: TeamNotice) -> Delivered:
        channel = self._team_channels.get(request.team)
        if channel is None:
            raise DeliveryError(
                FailureCode.DELIVERY_REFUSED,
                f"team {request.team!r} has no Slack channel: add it to TOWPATH_TEAM_CHANNELS",
                evidence={"team": request.team},
            )
        text = f"{request.title}\n{request.text}"
        return Delivered(message_id=await self._slack.post(PostSlack(channel=channel, text=text, key=request.key)))
