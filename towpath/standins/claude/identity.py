"""How every answer says what it is: model, ids and headers. All of them derive from the request, so they repeat."""

import hashlib

MODEL = "offline-stand-in"
LABEL = "x-offline-stand-in"


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:24]


def message_id(seed: str) -> str:
    return f"msg_offline_{seed}"


def request_id(seed: str) -> str:
    return f"req_offline_{seed}"


def headers(seed: str) -> dict[str, str]:
    return {"request-id": request_id(seed), LABEL: "1"}
