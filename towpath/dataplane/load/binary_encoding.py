"""Rows in PostgreSQL's binary form, by pgpq. It is imported where that is installed: `encoding` chooses."""

from collections.abc import Sequence
from typing import Any, LiteralString

from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from towpath.contracts.pipeline.dataset import Column
from towpath.dataplane.load.reading import target_schema


class BinaryEncoder:
    """One COPY."""

    format: LiteralString = "binary"

    def __init__(self, columns: Sequence[Column], jsonb: frozenset[str]) -> None:
        """`jsonb` names the columns that are of this type in the table."""
        schema = target_schema(columns)
        encoders: dict[str, Any] = {}
        for column in columns:
            field = schema.field(column.name)
            encoders[column.name] = (
                StringEncoderBuilder.new_with_output(field, Jsonb())
                if column.name in jsonb
                else ArrowToPostgresBinaryEncoder.infer_encoder(field)
            )
        self._encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)

    def begin(self) -> bytes:
        return self._encoder.write_header()

    def batch(self, rows: Any) -> bytes:
        return self._encoder.write_batch(rows)

    def end(self) -> bytes:
        return self._encoder.finish()
