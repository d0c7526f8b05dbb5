"""Pages through PagerDuty's Events API v2, by a stand-in that keeps its rules."""

import pytest

from tests.unit.incident_clients.conftest import Shop
from towpath.contracts.core.failure import FailureCode, ServiceError
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.incident.incident import PageChange, PageRequest
from towpath.integrations.channels.pagerduty import PagerDuty

KEY = EffectKey("incident-response/1/page")


def page(summary: str = "checkout: errors") -> PageRequest:
    return PageRequest(summary=summary, severity="critical", source="checkout", level=1, key=KEY)


async def test_page_sent_twice_is_one(shop: Shop) -> None:
    """The effect key is the dedup key: sent again, it is the same page; acknowledging and resolving change it."""
    client = PagerDuty(shop.http, "http://standin/pagerduty", ("first", "second"))

    sent = [await client.page(page()), await client.page(page())]
    await client.change(PageChange(action="acknowledge", key=KEY))
    await client.change(PageChange(action="resolve", key=KEY))

    assert [page.dedup_key for page in sent] == [KEY, KEY]
    (alert,) = shop.standins.pagerduty.alerts.values()
    assert (alert["routing_key"], alert["state"], alert["summary"]) == ("first", "resolved", "checkout: errors")
    assert shop.standins.ledger.as_json()["applied_twice"] == []


async def test_each_level_has_its_routing_key(shop: Shop) -> None:
    """The chain's level chooses whom PagerDuty calls; beyond the last one it is the last one again."""
    client = PagerDuty(shop.http, "http://standin/pagerduty", ("first", "second"))

    for level in (1, 2, 3):
        await client.page(page().model_copy(update={"level": level}))

    assert [alert["routing_key"] for alert in shop.standins.pagerduty.alerts.values()] == ["first", "second"]


async def test_long_summary_is_cut(shop: Shop) -> None:
    """PagerDuty takes 1,024 characters."""
    await PagerDuty(shop.http, "http://standin/pagerduty", ("first",)).page(page("x" * 3_000))

    (alert,) = shop.standins.pagerduty.alerts.values()
    assert len(alert["summary"]) == 1_024


@pytest.mark.parametrize(
    ("status", "code"), [(429, "service.rate_limited"), (500, "service.unavailable"), (400, "service.refused")]
)
async def test_failures_are_typed(shop: Shop, status: int, code: str) -> None:
    """What passes is retried, with the wait that was asked for; what does not is final."""
    shop.standins.faults.order({"service": "pagerduty", "status": status, "retry_after": "3", "times": 1})

    with pytest.raises(ServiceError) as caught:
        await PagerDuty(shop.http, "http://standin/pagerduty", ("first",)).page(page())

    assert caught.value.code is FailureCode(code)


async def test_no_routing_key_says_which_setting(shop: Shop) -> None:
    """Without a routing key nobody can be called, and the failure names the setting."""
    with pytest.raises(ServiceError, match="TOWPATH_PAGERDUTY_KEYS"):
        await PagerDuty(shop.http, "http://standin/pagerduty", ()).page(page())
