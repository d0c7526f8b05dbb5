"""The shop's platform: changes by its OpenAPI document mend what they should, once for each key."""

import pytest

from tests.unit.incident_clients.conftest import Shop
from towpath.contracts.core.failure import ServiceError
from towpath.contracts.core.wire import EffectKey, JsonObject
from towpath.integrations.http.services import ServiceClient, ServiceEndpoint

MENDING: list[tuple[str, str, JsonObject]] = [
    ("disk-full", "clearDisk", {"service": "checkout", "instance": "checkout-1"}),
    ("memory-leak", "restartInstance", {"service": "checkout", "instance": "checkout-1"}),
    ("database-down", "failOverDatabase", {"service": "checkout"}),
    ("overload", "scaleService", {"service": "checkout", "instances": "6"}),
    ("bad-deployment", "setFeature", {"service": "checkout", "feature": "new-payment", "state": "off"}),
]


def platform(shop: Shop) -> ServiceClient:
    return ServiceClient(shop.http, {"platform": ServiceEndpoint("http://standin/platform", "token")})


@pytest.mark.parametrize(("fault", "operation", "params"), MENDING, ids=[fault for fault, _, _ in MENDING])
async def test_right_change_ends_a_fault(shop: Shop, fault: str, operation: str, params: JsonObject) -> None:
    """The change that fits a fault ends it."""
    world = shop.standins.services.world
    world.begin("checkout", fault)

    await platform(shop).call("platform", operation, params, EffectKey("k"))

    assert world.as_json()["checkout"]["open_faults"] == []


async def test_wrong_change_ends_nothing(shop: Shop) -> None:
    """Restarting another instance leaves the fault as it is."""
    shop.standins.services.world.begin("checkout", "memory-leak")

    await platform(shop).call(
        "platform", "restartInstance", {"service": "checkout", "instance": "checkout-2"}, EffectKey("k")
    )

    assert shop.standins.services.world.as_json()["checkout"]["open_faults"] == ["memory-leak"]


async def test_rollback_takes_the_deployment_that_broke_it(shop: Shop) -> None:
    """The deployment before the fault is listed first; rolled back twice by one key, it is rolled back once."""
    world, client = shop.standins.services.world, platform(shop)
    world.begin("checkout", "bad-deployment")
    listed = await client.call("platform", "listDeployments", {"service": "checkout"}, EffectKey("list"))
    deployments = listed["deployments"]
    assert isinstance(deployments, list)
    assert isinstance(deployments[0], dict)
    params: JsonObject = {"service": "checkout", "deployment": deployments[0]["id"]}

    answers = [await client.call("platform", "rollbackDeployment", params, EffectKey("k")) for _ in range(2)]

    assert answers[0] == answers[1]
    assert world.as_json()["checkout"] == {
        "version": "2026.11.0",
        "instances": 3,
        "open_faults": [],
        "changes": ["rollbackDeployment"],
    }


async def test_unknown_instance_is_refused(shop: Shop) -> None:
    """What does not exist cannot be changed."""
    with pytest.raises(ServiceError, match="not_found"):
        await platform(shop).call(
            "platform", "restartInstance", {"service": "checkout", "instance": "nope"}, EffectKey("k")
        )
