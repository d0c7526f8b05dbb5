"""What the control of the stand-ins is told, read strictly: an order that is none is answered with 422."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

UNUSABLE = 422
LONGEST_NUMBER = 18


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class OrderedFault(Order):
    """Fields of a fault that are ordered; those that are left out have its defaults."""

    service: str
    operation: str | None = None
    reference: str | None = None
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    code: str = ""
    retry_after: str | None = None
    drop: bool = False
    hold: bool = False
    after_effect: bool = False
    times: Annotated[int, Field(ge=0, le=10**9)] | None = None


class ShopOrder(Order):
    service: str
    fault: str


class LatencyOrder(Order):
    seconds: Annotated[float, Field(ge=0, le=3600)]
    bodies: bool = False


def number_of(text: str) -> int | None:
    """The number of a fault; None for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def unusable(_: Request, error: Exception) -> Response:
    """The handler of Starlette for an order that cannot be read."""
    if not isinstance(error, ValidationError):
        raise error
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = "/".join(map(str, first["loc"]))
    return JSONResponse({"error": f"{where or 'the order'}: {first['msg']}"}, status_code=UNUSABLE)
