"""What a definition may name: functions, services, connections, models, teams. Given to the checks as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    """A registered function. `params` is a JSON Schema of an object, `result` of what it returns, {} when unknown."""

    name: str
    pure: bool
    params: JsonSchema
    result: JsonSchema = field(default_factory=dict[str, Any])
    summary: str = ""


@dataclass(frozen=True, slots=True)
class OperationEntry:
    """An operation of a service. `params` is a JSON Schema of all its parameters, flat."""

    name: str
    params: JsonSchema
    result: JsonSchema = field(default_factory=dict[str, Any])
    summary: str = ""


@dataclass(frozen=True, slots=True)
class KnownConnection:
    """Hosts that `http` steps may reach. `*.example.org` stands for every host below example.org."""

    name: str
    hosts: tuple[str, ...]
    allow_http: bool = False
    allow_private: bool = False
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """An OpenAPI document that a definition names, as it was read; of its operations, those that the definition names.

    `names` are all of them, `unusable` says why some cannot be called, `problem` why the whole cannot be used.
    """

    digest: str = ""
    title: str = ""
    version: str = ""
    server: str | None = None
    names: frozenset[str] = frozenset()
    operations: Mapping[str, OperationEntry] = field(default_factory=dict[str, OperationEntry])
    frozen: Mapping[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    unusable: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MailEntry:
    """A mail template. `fields` is a JSON Schema of its data, {} for any; the data's field `subject_from` may give the
    subject instead of the step.
    """

    fields: JsonSchema = field(default_factory=dict[str, Any])
    subject_from: str | None = None


@dataclass(frozen=True, slots=True)
class DefinitionCatalogue:
    """All that is registered in an installation.

    `models` maps what a claude step may name (aliases and model ids) to the day it ends, None for no known end.
    `today` is the day against which ends are judged.
    """

    functions: Mapping[str, FunctionEntry] = field(default_factory=dict[str, FunctionEntry])
    services: Mapping[str, Mapping[str, OperationEntry]] = field(
        default_factory=dict[str, Mapping[str, OperationEntry]]
    )
    connections: Mapping[str, KnownConnection] = field(default_factory=dict[str, KnownConnection])
    models: Mapping[str, date | None] = field(default_factory=dict[str, date | None])
    model_prefixes: tuple[str, ...] = ("claude-",)
    teams: frozenset[str] = frozenset()
    deciders: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """People who may decide for a team, by its name; a team that is missing here is not known."""
    mail_templates: Mapping[str, MailEntry] = field(default_factory=dict[str, MailEntry])
    crm_actions: frozenset[str] = frozenset()
    documents: Mapping[str, KnownDocument] = field(default_factory=dict[str, KnownDocument])
    """Of the one definition that is checked; one that is missing was not fetched."""
    secrets: frozenset[str] | None = None
    """Names of the secrets that exist; None when that is not known here, and any name passes."""
    timezones: frozenset[str] | None = None
    """Names of time zones; None: not known, and any passes."""
    definitions: Mapping[str, JsonSchema] | None = None
    """Published definitions that a `workflow` step may run, with a JSON Schema of their inputs; None: not known."""
    today: date = date(2026, 1, 1)
