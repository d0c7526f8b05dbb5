"""The base of all models of the language, and the kinds of text that its fields hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

KEBAB = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
STEP_ID = r"^[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*$"
VERSION = r"^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"

ENDPOINT = r"^/[A-Za-z0-9/_.-]{1,200}$"
PERCENT = r"^(100|[0-9]{1,2})(\.[0-9]+)?%$"


class Model(BaseModel):
    """Nothing is coerced and nothing unknown passes: both are mistakes that a person wants to hear of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def is_left_out(value: object) -> bool:
    """For fields that came later: where they are not given, digests and stored runs stay as they are."""
    return value is None


def is_empty(value: object) -> bool:
    """The same for lists."""
    return not value


Kebab = Annotated[str, Field(pattern=KEBAB, max_length=64)]
StepId = Annotated[str, Field(pattern=STEP_ID, max_length=64)]
Version = Annotated[str, Field(pattern=VERSION)]
Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Text = Annotated[str, Field(max_length=100_000)]
Template = Annotated[str, Field(max_length=100_000, json_schema_extra={"x-template": True})]
"""A text in which `{{ … }}` is evaluated."""
Templates = Annotated[Any, Field(json_schema_extra={"x-template": True})]
"""Any value; every text in it is a template."""
Condition = Annotated[str, Field(max_length=4_200, json_schema_extra={"x-condition": True})]
"""One expression that is true or false."""
Duration = Annotated[str, Field(max_length=500, json_schema_extra={"x-duration": True})]
"""`300s`, `5m`, `24h`, `1h30m`, or a template that gives one."""
Percent = Annotated[str, Field(pattern=PERCENT)]
Count = Annotated[int, Field(ge=1, le=1_000)]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
MOST_ENTRIES = 5_000
"""Of one list of steps; more are told as too many and not read."""
Entries = Annotated[list[Any], Field(json_schema_extra={"items": {"x-entry": True}}, max_length=MOST_ENTRIES)]
"""A list of steps and groups, which `reading` reads one by one."""
