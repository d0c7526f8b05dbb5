"""Values against schemas as they were matched until November 2026, on Python's own patterns.

Only histories of that time are read so: their values have been matched once already.
"""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError

from towpath.engine.matching.validating import NOTHING_OUTSIDE


def errors_before(schema: Any, value: Any) -> Iterator[ValidationError]:
    """As `errors_of`."""
    return cast("Iterator[ValidationError]", Draft202012Validator(schema, registry=NOTHING_OUTSIDE).iter_errors(value))
