"""What `TOWPATH_PROFILE=production` refuses: settings that are right on one's own machine alone. A line each, no value.

The table in docs/operations.md says the same with the reasons.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import cast

from pydantic import JsonValue, SecretStr

from towpath.config.connections import Connection, Connections
from towpath.config.roots import too_wide
from towpath.config.settings import WorkerSettings, variable
from towpath.contracts.core.wire import JsonObject

LINKS = frozenset({"ui_url"})
"""Addresses that people follow: nothing is sent there."""
HTTPS = "is http, which anybody on the way reads and changes: give its https address"
KEY_OF_STAND_INS = re.compile(r"stand[- ]in", re.IGNORECASE)
"""Whatever the local stack and its compose file use as a key says so."""
NOT_A_KEY = "is a key of the local stand-ins: give the one of the service"


def production_problems(
    settings: WorkerSettings, connections: Connections | None, pipelines: Mapping[str, JsonValue]
) -> list[str]:
    """A line for each setting, connection of definitions and connection of pipelines that must be mended.

    `connections` are None when their file cannot be read, which is told beside.
    """
    return [
        *_secrets(settings),
        *_addresses(settings),
        *_wires(settings),
        *(_line(field, f"{why}: name the folders of your data") for field, why in too_wide(settings)),
        *(line for connection in (connections.all() if connections else ()) for line in _connection(connection)),
        *(line for name, entry in pipelines.items() if isinstance(entry, dict) for line in _pipeline(name, entry)),
    ]


def _secrets(settings: WorkerSettings) -> Iterator[str]:
    fields = WorkerSettings.model_fields
    if settings.customer_salt == fields["customer_salt"].default:
        yield _line(
            "customer_salt", "is the development salt, which everybody knows: make one (openssl rand -base64 32)"
        )
    if not settings.keys():
        yield _line(
            "encryption_keys",
            "is missing: payloads would lie in clear; give k1:KEY (openssl rand -base64 32) and require",
        )
    elif settings.encryption != "require":
        yield _line("encryption", "is allow: whoever reaches Temporal sends what no key encrypted; take require")
    if not settings.decision_keys():
        yield _line("decision_key", "is missing: whoever reaches Temporal decides as anybody (openssl rand -base64 32)")
    if settings.unsigned_decisions:
        yield _line("unsigned_decisions", "is true: leave it out, so that decisions must be signed")
    for name in fields:
        value = getattr(settings, name)
        if any(KEY_OF_STAND_INS.search(text) for text in _texts(value)):
            yield _line(name, NOT_A_KEY)


def _texts(value: object) -> Iterator[str]:
    """The secrets that a setting holds; connections of pipelines are looked at one by one."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        if not text.lstrip().startswith("{"):
            yield text
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _texts(inner)


def _addresses(settings: WorkerSettings) -> Iterator[str]:
    for name in WorkerSettings.model_fields:
        value = getattr(settings, name)
        if name.endswith("_url") and name not in LINKS and isinstance(value, str) and _is_http(value):
            yield _line(name, HTTPS)
    for name, url in settings.event_sinks.items():
        if _is_http(url):
            yield _line("event_sinks", f"{name}: {HTTPS}")
    endpoint = settings.store_options.get("endpoint")
    if endpoint is not None and _is_http(endpoint.get_secret_value()):
        yield _line("store_options", f"endpoint: {HTTPS}")
    for name, account in settings.wordpress_accounts.items():
        if _is_http(account.site):
            yield _line("wordpress_accounts", f"{name}: {HTTPS}")
    if settings.http_routes:
        yield _line("http_routes", "sends calls of definitions elsewhere, for local stacks: leave it out")


def _wires(settings: WorkerSettings) -> Iterator[str]:
    if settings.smtp_tls == "none" and settings.smtp_password is not None:
        yield _line("smtp_tls", "is none, and the password would go in clear: take starttls or tls")
    if _is_everywhere(settings.metrics_address.rpartition(":")[0]):
        yield _line("metrics_address", "is on all interfaces: give the address that Prometheus reaches, or 127.0.0.1")


def _connection(connection: Connection) -> Iterator[str]:
    place = f"connection {connection.name!r}"
    if connection.allow_private:
        yield _line(
            "connections_file", f"{place} has allow_private, which is for the local stack: remove the connection"
        )
    if connection.allow_http:
        yield _line("connections_file", f"{place} has allow_http: remove it, and call its hosts by https")


def _pipeline(name: str, entry: JsonObject) -> Iterator[str]:
    # Lineage has settings of its own, which are told by their names.
    if any(_is_http(str(entry.get(field) or "")) for field in ("base_url", "endpoint")) and name != "openlineage":
        yield _line("pipeline_connections", f"{name}: {HTTPS}")
    if any(KEY_OF_STAND_INS.search(text) for text in _leaves(entry)):
        yield _line("pipeline_connections", f"{name}: {NOT_A_KEY}")


def _leaves(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)


def _is_http(url: str) -> bool:
    return url.strip().lower().startswith("http:")


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host in {"", "*", "0"}


def _line(field: str, what: str) -> str:
    return f"{variable(field)}: {what}"
