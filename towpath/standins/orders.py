"""The order service: stock, payments and shipments in memory, one of each for a reference."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from towpath.standins.credentials import with_token
from towpath.standins.ledger import Answer

Keyed = Callable[[str, str, str, Callable[[dict[str, Any], str], Answer]], Route]
"""Path, service, operation and handler to a route that wants an idempotency key."""
ORDERS_A_DAY = 20


class Orders:
    """What was reserved, charged and shipped, by reference."""

    def __init__(self) -> None:
        self.reserved: dict[str, str] = {}
        self.charged: dict[str, str] = {}
        self.shipped: dict[str, str] = {}

    def routes(self, keyed: Keyed) -> Sequence[Mount]:
        return (
            Mount(
                "/orders",
                routes=[
                    Route("/orders", with_token(self._list), methods=["GET"]),
                    Route("/orders/{reference}", with_token(self._one), methods=["GET"]),
                    keyed("/reservations", "orders", "reserveStock", self._put(self.reserved, "reservation_id", "res")),
                    keyed("/reservations/release", "orders", "releaseStock", self._take(self.reserved)),
                    keyed("/charges", "orders", "chargePayment", self._charge),
                    keyed("/charges/refund", "orders", "refundPayment", self._take(self.charged)),
                    keyed("/charges/find", "orders", "findCharge", self._find),
                    keyed("/shipments", "orders", "shipOrder", self._put(self.shipped, "shipment_id", "shp")),
                ],
            ),
        )

    def as_json(self) -> dict[str, dict[str, str]]:
        return {"reserved": self.reserved, "charged": self.charged, "shipped": self.shipped}

    async def _list(self, request: Request) -> Response:
        """As many orders as `day` asks for with its last number after a `x`, like 2026-01-01x50."""
        count = request.query_params.get("day", "").partition("x")[2]
        wanted = int(count) if count.isdecimal() else ORDERS_A_DAY
        return JSONResponse({"orders": [f"order-{number}" for number in range(wanted)]})

    async def _one(self, request: Request) -> Response:
        reference = str(request.path_params["reference"])
        number = sum(map(ord, reference))
        status = "paid" if number % 5 else "open"
        return JSONResponse(
            {"reference": reference, "total": float(number % 97 + 3), "currency": "EUR", "status": status}
        )

    def _put(self, things: dict[str, str], field: str, prefix: str) -> Callable[[dict[str, Any], str], Answer]:
        def put(_: dict[str, Any], reference: str) -> Answer:
            return 200, {field: things.setdefault(reference, f"{prefix}-{len(things) + 1:06d}")}

        return put

    def _take(self, things: dict[str, str]) -> Callable[[dict[str, Any], str], Answer]:
        return lambda _, reference: (200, {"found": things.pop(reference, None) is not None})

    def _charge(self, body: dict[str, Any], reference: str) -> Answer:
        charge = self.charged.setdefault(reference, f"chg-{len(self.charged) + 1:06d}")
        return 200, {"charge_id": charge, "amount": float(body["amount"])}

    def _find(self, _: dict[str, Any], reference: str) -> Answer:
        return 200, {"found": reference in self.charged, "charge_id": self.charged.get(reference)}
