"""Checks of JSON Schemas that a definition brings."""

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from towpath.engine.diagnostics import Path
from towpath.engine.source import Source


def check_schema(source: Source, given: Any, path: Path) -> bool:
    """Whether a JSON Schema can be used; what is wrong with it is reported."""
    try:
        Draft202012Validator.check_schema(given)
    except SchemaError as error:
        place = (*path, *error.absolute_path)
        source.report(place, "schema.invalid", error.message[:200], "see json-schema.org, 2020-12")
        return False
    except RecursionError:
        source.report(path, "schema.invalid", "the schema is nested too deeply", "flatten it")
        return False
    return True
