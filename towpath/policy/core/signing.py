"""Signatures of what people send to runs: HMAC-SHA256 (RFC 2104, FIPS 180-4) over canonical JSON.

What is signed is the object `{"message", "update", "workflow_id"}`, with sorted keys, without spaces, in UTF-8.
`message` holds the fields of the message that differ from their defaults, but for `signature`: a field that a later
version adds changes no signature. The person, the task, the verdict, the data and the moment are fields of the message.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from towpath.contracts.core.signed import Signed

START = "start"
"""What stands for the update in the signature of a request that starts a run."""
VALID_FOR = timedelta(minutes=5)
"""How far the moment of a signature may be from now, in either direction: what clocks differ, and a slow way."""
SignedT = TypeVar("SignedT", bound=Signed)


def sign(key: bytes, workflow_id: str, update: str, message: SignedT, now: datetime) -> SignedT:
    """The message with its signature, as it will be read at its other end."""
    stamped = message.model_copy(update={"signed_at": now.astimezone(UTC), "signature": ""})
    arriving = type(message).model_validate_json(stamped.model_dump_json())
    return arriving.model_copy(update={"signature": _signature(key, workflow_id, update, arriving)})


def signature_problem(keys: Sequence[bytes], workflow_id: str, update: str, message: Signed, now: datetime) -> str:
    """Why the signature does not hold; empty when it was made by one of the keys, for this run, not long ago."""
    if not message.signature or message.signed_at is None:
        return "it is not signed, and this worker wants decisions signed: send it by a door that holds the key"
    if not signature_holds(keys, workflow_id, update, message):
        return "its signature does not hold: it was changed, is of another run, or was made with another key"
    apart = abs(now - message.signed_at)
    if apart > VALID_FOR:
        return f"its signature is {apart.total_seconds():.0f} s away from now: send it again, and look at the clocks"
    return ""


def signature_holds(keys: Sequence[bytes], workflow_id: str, update: str, message: Signed) -> bool:
    """Whether one of the keys signed it, however long ago: a start may wait for a worker, and is the same start."""
    return any(_holds(key, workflow_id, update, message) for key in keys)


def _holds(key: bytes, workflow_id: str, update: str, message: Signed) -> bool:
    return hmac.compare_digest(
        _signature(key, workflow_id, update, message).encode(), message.signature.encode(errors="replace")
    )


def _signature(key: bytes, workflow_id: str, update: str, message: Signed) -> str:
    fields = message.model_dump(mode="json", exclude={"signature"}, exclude_defaults=True)
    signed = {"workflow_id": workflow_id, "update": update, "message": fields}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
