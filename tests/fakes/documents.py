"""A document that a definition names, frozen: one operation that takes any body, under as many names as are wanted."""

from towpath.contracts.core.wire import JsonObject

NAME = "d"


def frozen(*operations: str, server: str = "https://world.example") -> JsonObject:
    """The `documents` of a definition; each operation is a POST to its own name."""
    return {
        NAME: {
            "openapi": "d.json",
            "connection": "receiver",
            "frozen": {
                "digest": "0" * 64,
                "server": server,
                "operations": {name: _operation(name) for name in operations},
            },
        }
    }


def _operation(name: str) -> JsonObject:
    body: JsonObject = {"type": "object", "properties": {}, "additionalProperties": True}
    return {
        "operationId": name,
        "method": "post",
        "path": f"/{name}",
        "parameters": [],
        "requestBody": {"required": False, "x-whole": False, "content": {"application/json": {"schema": body}}},
        "responses": {},
        "components": {"schemas": {}},
    }
