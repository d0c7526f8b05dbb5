"""The pipeline that the benchmark runs: the same work as the plain script's."""

from collections.abc import Sequence
from typing import Any

from bench.etl_data import Data
from towpath.contracts.pipeline.pipeline import PipelineConfig

DATABASE = "warehouse"
TABLE = "orders"
COLUMNS = (
    *("order_id", "customer_id", "ordered_on", "sku", "quantity", "unit_price", "currency", "channel", "status"),
    *("email", "updated_at", "note"),
)
MONEY = {"type": "decimal", "precision": 18, "scale": 2}


def _cast(column: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"op": "cast", "column": column, "to": {"name": column, "type": kind}, **fields}


OPERATIONS: Sequence[dict[str, Any]] = (
    _cast("order_id", "integer"),
    _cast("updated_at", "timestamp", formats=["%Y-%m-%d %H:%M:%S"]),
    {"op": "deduplicate", "key": ["order_id"], "newest_by": "updated_at"},
    _cast("customer_id", "integer"),
    _cast("ordered_on", "date", formats=["%Y-%m-%d", "%d.%m.%Y"]),
    _cast("quantity", "integer"),
    {"op": "normalise", "column": "unit_price", "steps": ["trim", "money"]},
    {"op": "cast", "column": "unit_price", "to": {"name": "unit_price", **MONEY}},
    {"op": "derive", "column": {"name": "amount", **MONEY}, "expression": "unit_price * quantity"},
    {"op": "normalise", "column": "status", "steps": ["trim", "lower"]},
    {"op": "normalise", "column": "email", "steps": ["trim", "lower"]},
    {"op": "join", "source": "customers", "on": {"customer_id": "customer_id"}, "columns": {"segment": "segment"}},
)

RULES: Sequence[dict[str, Any]] = (
    {"rule": "not_null", "column": "customer_id"},
    {"rule": "not_null", "column": "ordered_on"},
    {"rule": "range", "column": "quantity", "minimum": 1},
    {"rule": "range", "column": "amount", "minimum": 0},
    {"rule": "set", "column": "status", "values": ["new", "paid", "shipped", "returned"]},
    {"rule": "pattern", "column": "email", "pattern": "[a-z0-9._+-]+@[a-z0-9.-]+"},
    {"rule": "foreign_key", "column": "customer_id", "source": "customers", "references": "customer_id"},
)

TARGET = {
    "table": TABLE,
    "key": ["order_id"],
    "newest_by": "updated_at",
    "columns": [
        {"name": "order_id", "type": "integer", "nullable": False},
        {"name": "customer_id", "type": "integer"},
        {"name": "segment", "type": "text"},
        {"name": "ordered_on", "type": "date"},
        {"name": "sku", "type": "text"},
        {"name": "quantity", "type": "integer"},
        {"name": "unit_price", **MONEY},
        {"name": "amount", **MONEY},
        {"name": "currency", "type": "text"},
        {"name": "status", "type": "text"},
        {"name": "email", "type": "text"},
        {"name": "updated_at", "type": "timestamp"},
    ],
}

POSTGRESQL = {"name": "warehouse", "type": "postgresql", "connection": DATABASE, "table": TABLE}


def pipeline(data: Data, orders: str, destinations: Sequence[dict[str, Any]] = (POSTGRESQL,)) -> PipelineConfig:
    """From the files that match `orders` to one table in each destination."""
    sources = [
        {
            "name": "orders",
            "type": "csv",
            "path": orders,
            "columns": [{"name": name, "type": "text"} for name in COLUMNS],
            "validation": [{"rule": "not_null", "column": "order_id"}],
        },
        {
            "name": "customers",
            "type": "csv",
            "path": data.customers,
            "main": False,
            "columns": [
                {"name": "customer_id", "type": "integer"},
                {"name": "segment", "type": "text"},
                {"name": "country", "type": "text"},
            ],
        },
    ]
    return PipelineConfig.model_validate(
        {
            "id": "bench-orders",
            "version": "1.0.0",
            "sources": sources,
            "target": TARGET,
            "transformation": {"source": "orders", "operations": OPERATIONS},
            "quality": {"threshold": 0.9, "rules": RULES, "otherwise": "fail"},
            "destinations": destinations,
        }
    )
