"""The platform that runs the shop: its deployments and changes over HTTP, keyed, and the faults that a test orders."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from towpath.standins.control import ShopOrder
from towpath.standins.credentials import with_token
from towpath.standins.ledger import Answer, problem
from towpath.standins.world import FAULTS, World

Keyed = Callable[[str, str, str, Callable[[dict[str, Any], str], Answer]], Route]
Change = Callable[[dict[str, Any], str], Answer]
MAX_INSTANCES = 20


class PlatformStandIn:
    """Changes of a world. Each takes effect once for its key; a change of something unknown is refused."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changes = 0

    def routes(self, keyed: Keyed) -> Sequence[Mount]:
        def change(path: str, operation: str, make: Change) -> Route:
            return keyed(path, "platform", operation, make)

        return (
            Mount(
                "/platform",
                routes=[
                    Route("/deployments", with_token(self._deployments), methods=["GET"]),
                    change("/deployments/rollback", "rollbackDeployment", self._roll_back),
                    change("/deployments/redeploy", "redeploy", self._redeploy),
                    change("/instances/restart", "restartInstance", self._mending("restartInstance", "instance")),
                    change("/instances/clear-disk", "clearDisk", self._mending("clearDisk", "instance")),
                    change("/services/scale", "scaleService", self._scale),
                    change("/databases/fail-over", "failOverDatabase", self._mending("failOverDatabase", "")),
                    change("/databases/fail-back", "failBackDatabase", self._mending("failBackDatabase", "")),
                    change("/features", "setFeature", self._feature),
                    change("/tasks", "createTask", self._task),
                ],
            ),
        )

    def control(self) -> Route:
        """Orders a fault: `{"service": …, "fault": …}`; without a fault, tells the world's state."""
        return Route("/world", self._order, methods=["GET", "POST"])

    async def _order(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(self._world.as_json())
        wanted = ShopOrder.model_validate_json(await request.body())
        try:
            episode = self._world.begin(wanted.service, wanted.fault)
        except KeyError:
            known = {"services": list(self._world.services), "faults": list(FAULTS)}
            return JSONResponse({"error": "unknown service or fault", **known}, status_code=422)
        return JSONResponse({"fault": episode.kind, "instance": episode.instance}, status_code=201)

    async def _deployments(self, request: Request) -> Response:
        service = self._world.services.get(request.query_params.get("service", ""))
        since = request.query_params.get("since")
        first = 0.0 if since is None else datetime.fromisoformat(since).timestamp()
        found = [] if service is None else [made for made in service.deployments if made.at >= first]
        listed = [
            {
                "id": made.id,
                "service": request.query_params["service"],
                "version": made.version,
                "previous_version": made.previous_version,
                "at": datetime.fromtimestamp(made.at, UTC).isoformat(),
                "by": made.by,
            }
            for made in reversed(found)
        ]
        return JSONResponse({"deployments": listed})

    def _mending(self, operation: str, field: str) -> Change:
        def change(body: dict[str, Any], _: str) -> Answer:
            target = str(body.get(field, "")) if field else ""
            service = self._world.services.get(str(body.get("service")))
            if service is None or (field and target not in service.instance_names):
                return problem(404, "not_found", "no such service or instance")
            self._world.mend(service.name, operation, target)
            return self._changed()

        return change

    def _roll_back(self, body: dict[str, Any], _: str) -> Answer:
        service = self._world.services.get(str(body.get("service")))
        made = None if service is None else next((d for d in service.deployments if d.id == body["deployment"]), None)
        if service is None or made is None:
            return problem(404, "not_found", "no such service or deployment")
        self._world.mend(service.name, "rollbackDeployment", made.id)
        self._world.deploy(service.name, made.previous_version, "rollback")
        return self._changed()

    def _redeploy(self, body: dict[str, Any], _: str) -> Answer:
        service = self._world.services.get(str(body.get("service")))
        made = None if service is None else next((d for d in service.deployments if d.id == body["deployment"]), None)
        if service is None or made is None:
            return problem(404, "not_found", "no such service or deployment")
        self._world.deploy(service.name, made.version, "redeploy")
        return self._changed()

    def _scale(self, body: dict[str, Any], _: str) -> Answer:
        service = self._world.services.get(str(body.get("service")))
        wanted = int(str(body.get("instances")))
        if service is None or wanted > MAX_INSTANCES:
            return problem(422, "not_allowed", "unknown service, or too many instances")
        if wanted > service.instances:
            self._world.mend(service.name, "scaleService")
        service.instances = wanted
        return self._changed()

    def _feature(self, body: dict[str, Any], _: str) -> Answer:
        service = self._world.services.get(str(body.get("service")))
        if service is None:
            return problem(404, "not_found", "no such service")
        self._world.features[f"{service.name}/{body['feature']}"] = str(body["state"])
        if body["state"] == "off":
            self._world.mend(service.name, "setFeature")
        return self._changed()

    def _task(self, body: dict[str, Any], _: str) -> Answer:
        task = f"task-{len(self._world.tasks) + 1:04d}"
        self._world.tasks.append({"task_id": task, **body})
        return 200, {"task_id": task}

    def _changed(self) -> Answer:
        self._changes += 1
        return 200, {"change_id": f"chg-{self._changes:06d}"}
