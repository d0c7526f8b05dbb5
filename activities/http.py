"""The activity behind the `http` step: one guarded call to a host that a connection allows."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest
from towpath.engine.run.answers import selected

if TYPE_CHECKING:
    from towpath.integrations.http.guarded_http import GuardedHttp


class HttpActivities:
    """The door to `GuardedHttp`, whose errors pass: the activity edge converts them."""

    def __init__(self, guarded: "GuardedHttp") -> None:
        self._http = guarded

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpAnswer:
        answer = await self._http.send(request, activity.info().attempt)
        return selected(answer, request.output, request.select)
