"""The catalogue of an installation: what its functions, services, connections and settings let a definition name."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import available_timezones

from towpath.config.connections import Connections
from towpath.config.openapi import operations, service_names, services
from towpath.engine.language.catalogue import (
    DefinitionCatalogue,
    FunctionEntry,
    KnownConnection,
    MailEntry,
    OperationEntry,
)
from towpath.functions.library import FUNCTIONS
from towpath.policy.core.mailing import CRM_ACTIONS, MAIL_TEMPLATES
from towpath.policy.core.models import ALIASES, MODEL_ENDS


def make_catalogue(
    connections: Connections | None,
    teams: frozenset[str],
    secrets: frozenset[str] | None = None,
    definitions: Mapping[str, Mapping[str, Any]] | None = None,
    deciders: Mapping[str, frozenset[str]] | None = None,
) -> DefinitionCatalogue:
    """Everything that is registered here. Without a connections file, `http` steps reach no host."""
    return DefinitionCatalogue(
        functions={name: _function(name) for name in FUNCTIONS},
        services={
            name: {operation_id: _operation(service, operation_id) for operation_id in operations(service)}
            for service in services()
            for name in service_names(service)
        },
        connections={} if connections is None else _connections(connections),
        models=_models(),
        teams=teams,
        deciders=deciders or {},
        mail_templates={name: MailEntry(known.fields, known.subject_from) for name, known in MAIL_TEMPLATES.items()},
        crm_actions=CRM_ACTIONS,
        secrets=secrets,
        timezones=frozenset(available_timezones()),
        definitions=definitions,
        today=datetime.now(UTC).date(),
    )


def _function(name: str) -> FunctionEntry:
    function = FUNCTIONS[name]
    return FunctionEntry(name, function.pure, function.params_schema(), function.result_schema(), function.summary)


def _operation(service: str, operation_id: str) -> OperationEntry:
    operation = operations(service)[operation_id]
    return OperationEntry(operation_id, operation.params, operation.result, operation.summary)


def _connections(connections: Connections) -> dict[str, KnownConnection]:
    return {
        entry.name: KnownConnection(entry.name, entry.hosts, entry.allow_http, entry.allow_private, entry.base_url)
        for entry in connections.all()
    }


def _models() -> dict[str, date | None]:
    """Aliases, the models behind them, and those that have an end."""
    current = dict.fromkeys((*ALIASES, *ALIASES.values()))
    return {**current, **MODEL_ENDS}
