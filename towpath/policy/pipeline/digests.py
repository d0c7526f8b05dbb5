"""Digests by which schemas and specifications are told apart; what is kept in the store is named by them."""

from collections.abc import Iterable

from pydantic import JsonValue

from towpath.contracts.core.wire import canonical_digest
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.transformation import Specification

DIGITS = 16


def schema_digest(columns: Iterable[Column], *more: str) -> str:
    """Over names, types and nullability in order, and over `more`, whatever else a schema's meaning depends on."""
    told: list[JsonValue] = [
        [column.name, column.type, column.nullable, column.precision, column.scale]
        if column.type == "decimal"
        else [column.name, column.type, column.nullable]
        for column in columns
    ]
    return canonical_digest([told, *more])[:DIGITS]


def specification_digest(specification: Specification, source_schema: str, target_schema: str) -> str:
    """Of what a run does: the operations and both schemas. Notes do not count."""
    operations = specification.model_dump(mode="json", exclude={"notes"})
    return canonical_digest([operations, source_schema, target_schema])[:DIGITS]
