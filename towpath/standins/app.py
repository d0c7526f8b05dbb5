"""All stand-ins as one HTTP application, and the door through which tests and the demo look at what they did."""

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towpath.standins.claude.app import ClaudeStandIn
from towpath.standins.control import UNUSABLE, OrderedFault, number_of, unusable
from towpath.standins.faults import Faults
from towpath.standins.latency import Delayed, Latency
from towpath.standins.ledger import EffectLedger
from towpath.standins.linkedin import LinkedInStandIn
from towpath.standins.mail import Mailbox
from towpath.standins.pagerduty import PagerDutyStandIn
from towpath.standins.services import DroppedConnectionError, Services
from towpath.standins.slack import SlackStandIn
from towpath.standins.telemetry import Telemetry
from towpath.standins.wordpress import WordPressStandIn
from towpath.standins.x import XStandIn


class StandIns:
    """One process's stand-ins over one ledger. `faults_allowed` opens the fault control."""

    def __init__(self, *, faults_allowed: bool) -> None:
        self.ledger = EffectLedger()
        self.faults = Faults()
        self.latency = Latency()
        self.services = Services(self.ledger, self.faults)
        self.slack = SlackStandIn(self.ledger, self.faults)
        self.mailbox = Mailbox(self.ledger)
        self.pagerduty = PagerDutyStandIn(self.ledger, self.faults)
        self.telemetry = Telemetry(self.services.world, self.faults)
        self.x = XStandIn(self.ledger, self.faults)
        self.linkedin = LinkedInStandIn(self.ledger, self.faults)
        self.wordpress = WordPressStandIn(self.ledger, self.faults)
        self.claude = ClaudeStandIn(self.faults)
        self._faults_allowed = faults_allowed

    def app(self) -> Starlette:
        control = [
            Route("/effects", self._effects),
            Route("/messages", self._messages),
            *(
                [
                    Route("/faults", self._fault, methods=["GET", "POST", "DELETE"]),
                    self.services.platform.control(),
                    self.latency.route(),
                ]
                if self._faults_allowed
                else []
            ),
        ]
        return Starlette(
            routes=[
                Route("/health", _health),
                Mount("/_standins", routes=control),
                *self.services.routes(),
                *self.pagerduty.routes(),
                *self.telemetry.routes(),
                Mount("/slack/api", routes=self.slack.routes()),
                Mount("/x", routes=self.x.routes()),
                Mount("/linkedin", routes=self.linkedin.routes()),
                Mount("/wordpress", routes=self.wordpress.routes()),
                Mount("/claude", app=self.claude.app()),
            ],
            middleware=[Middleware(Label), *self._measured()],
            exception_handlers={ValidationError: unusable},
        )

    def _measured(self) -> list[Middleware]:
        return [Middleware(Delayed, latency=self.latency)] if self._faults_allowed else []

    async def _effects(self, _: Request) -> Response:
        state = {
            "accounts": self.services.accounts.as_json(),
            "subscriptions": self.services.subscriptions.as_json(),
            "statuses": self.services.statuses,
            "orders": self.services.orders.as_json(),
            "platform": self.services.world.as_json(),
            "pages": list(self.pagerduty.alerts.values()),
            "tasks": self.services.world.tasks,
            "claude_calls": dict(self.claude.calls),
        }
        return JSONResponse(self.ledger.as_json() | state)

    async def _messages(self, _: Request) -> Response:
        posts = {
            "x": self.x.timeline.as_json(),
            "linkedin": self.linkedin.timeline.as_json(),
            "wordpress": self.wordpress.as_json(),
        }
        return JSONResponse({"slack": self.slack.posts, "mail": self.mailbox.mails, **posts})

    async def _fault(self, request: Request) -> Response:
        if request.method == "DELETE":
            wanted = request.query_params.get("id")
            number = None if wanted is None else number_of(wanted)
            if wanted is not None and number is None:
                return JSONResponse({"error": "id: must be the number of a fault"}, status_code=UNUSABLE)
            self.faults.lift(number)
        elif request.method == "POST":
            wanted = OrderedFault.model_validate_json(await request.body()).model_dump(exclude_unset=True)
            return JSONResponse({"id": self.faults.order(wanted).id}, status_code=201)
        return JSONResponse({"hits": self.faults.hits(), "faults": self.faults.as_json()})


class Label:
    """Marks every response as a stand-in's, and cuts the connection where a fault says so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                if b"x-offline-stand-in" not in names:
                    message["headers"] = [*message["headers"], (b"x-offline-stand-in", b"1")]
            await send(message)

        try:
            await self._app(scope, receive, labelled)
        except DroppedConnectionError:
            # A body shorter than announced: the server has to close the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok", "stand_in": True})
