"""Checks of the config of each type of step against what is registered: hosts, operations, functions, models, teams."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from towpath.engine.checks.documents import check_operation
from towpath.engine.checks.mails import check_mail
from towpath.engine.checks.params import check_params
from towpath.engine.checks.requests import check_auth, check_paging
from towpath.engine.checks.schemas import check_schema
from towpath.engine.expression.functions import parse_date
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.values import ExpressionError
from towpath.engine.language.catalogue import DefinitionCatalogue, KnownConnection
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.emission import LONGEST_TYPE, EmitConfig
from towpath.engine.language.http_step import HttpConfig, OpenApiConfig
from towpath.engine.language.model import Model
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import (
    ApiConfig,
    ClaudeConfig,
    ConditionConfig,
    FunctionConfig,
    HumanTaskConfig,
    MultiChannelConfig,
    NotifyConfig,
    WaitAnyConfig,
    WaitConfig,
    WorkflowConfig,
)

SOON_DAYS = 90


class ConfigChecks:
    """One config at a time, by its type."""

    def __init__(self, source: Source, catalogue: DefinitionCatalogue) -> None:
        self._source = source
        self._catalogue = catalogue
        self._by_type: Mapping[type, Callable[[Any, Path], None]] = {
            HttpConfig: self._http,
            ApiConfig: self._api,
            OpenApiConfig: self._openapi,
            FunctionConfig: self._function,
            ClaudeConfig: self._claude,
            ConditionConfig: self._condition,
            HumanTaskConfig: self._human,
            MultiChannelConfig: self._channels,
            WaitConfig: self._wait,
            WaitAnyConfig: self._wait_any,
            NotifyConfig: self._notify,
            WorkflowConfig: self._workflow,
            EmitConfig: self._emit,
        }

    def check(self, config: Model | dict[str, Any] | None, path: Path) -> None:
        specific = self._by_type.get(config.__class__)
        if specific is not None:
            specific(config, path)

    def server(self, url: str, path: Path, connection: KnownConnection) -> None:
        self._url(url, path, connection)

    def team(self, name: str, path: Path, also: frozenset[str] = frozenset()) -> None:
        known = self._catalogue.teams | also
        if self._catalogue.teams and "{{" not in name and name not in known:
            hint = did_you_mean(name, known)[2:]
            self._source.report(path, "team.unknown", f"there is no team {name!r}", hint or "add it to reviewers.json")

    def _http(self, config: HttpConfig, path: Path) -> None:
        if config.auth is not None:
            check_auth(self._source, config, config.auth, (*path, "auth"), self._url)
        if config.paging is not None:
            check_paging(self._source, config, config.paging, path)
        place = (*path, "url")
        connection = None
        if config.connection is not None:
            connection = self._catalogue.connections.get(config.connection)
            if connection is None:
                hint = did_you_mean(config.connection, self._catalogue.connections)[2:]
                what = f"there is no connection {config.connection!r}"
                self._source.report(
                    (*path, "connection"), "connection.unknown", what, hint or "add it to connections.json"
                )
                return
        url = config.url.strip()
        if connection is not None and url.startswith(("/", "{{")):
            return
        if url.startswith("{{"):
            what = "the host comes from a template, so nobody can say which one it is"
            self._source.report(place, "host.template", what, "write the host out, or name a connection")
            return
        self._url(url, place, connection)

    def _url(self, url: str, path: Path, named: KnownConnection | None = None) -> None:
        if "{{" in url.partition("//")[2].partition("/")[0]:
            what = "part of the host comes from a template"
            self._source.report(path, "host.template", what, "write the host out, or name a connection")
            return
        try:
            parts = urlsplit(url.partition("{{")[0] or url)
            host, user = (parts.hostname or "").lower(), parts.username
        except ValueError:
            host, user, parts = "", None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host:
            self._source.report(path, "url.invalid", "this is no absolute http(s) URL", "write https://host/path")
            return
        if user is not None:
            self._source.report(path, "url.invalid", "the URL holds a user name", "use auth: {basic: …}")
        allowed = [named] if named is not None else list(self._catalogue.connections.values())
        found = next((entry for entry in allowed if _allows(entry, host)), None)
        if found is None:
            hosts = [entry for connection in allowed for entry in connection.hosts]
            hint = did_you_mean(host, hosts)[2:]
            self._source.report(
                path, "host.not-allowed", f"no connection allows {host}", hint or "add it to connections.json"
            )
        elif parts.scheme == "http" and not found.allow_http:
            self._source.report(path, "host.https-only", f"{host} is reached over https only", "write https://")

    def _api(self, config: ApiConfig, path: Path) -> None:
        service = self._catalogue.services.get(config.service)
        if service is None:
            hint = did_you_mean(config.service, self._catalogue.services)[2:]
            self._source.report((*path, "service"), "service.unknown", f"there is no service {config.service!r}", hint)
            return
        operation = service.get(config.method)
        if operation is None:
            hint = did_you_mean(config.method, service)[2:]
            what = f"{config.service} has no operation {config.method!r}"
            self._source.report((*path, "method"), "method.unknown", what, hint)
            return
        what = f"{config.service} {config.method}"
        place = (*path, "params")
        check_params(self._source, config.params, dict(operation.params), place, what, is_open=_templated)

    def _openapi(self, config: OpenApiConfig, path: Path) -> None:
        check_operation(self._source, config, path, self._catalogue, is_open=_templated)

    def _function(self, config: FunctionConfig, path: Path) -> None:
        function = self._catalogue.functions.get(config.handler)
        if function is None:
            hint = did_you_mean(config.handler, self._catalogue.functions)[2:]
            self._source.report((*path, "handler"), "handler.unknown", f"there is no function {config.handler!r}", hint)
            return
        place = (*path, "params")
        check_params(self._source, config.params, dict(function.params), place, config.handler, is_open=_templated)

    def _claude(self, config: ClaudeConfig, path: Path) -> None:
        if config.output_schema is not None:
            check_schema(self._source, config.output_schema, (*path, "output_schema"))
        known, name = self._catalogue.models, config.model
        if not known:
            return
        if name not in known and not name.startswith(self._catalogue.model_prefixes):
            hint = did_you_mean(name, known)[2:]
            self._source.report((*path, "model"), "model.unknown", f"there is no model {name!r}", hint)
            return
        end = known.get(name)
        if end is None:
            return
        mend = "write default, deep or fast: the installation chooses the model"
        if end <= self._catalogue.today:
            self._source.report((*path, "model"), "model.retired", f"{name} was retired on {end}", mend)
        elif (end - self._catalogue.today).days <= SOON_DAYS:
            what = f"{name} ends on {end}"
            self._source.report((*path, "model"), "model.ending", what, mend, severity="warning")

    def _condition(self, config: ConditionConfig, path: Path) -> None:
        if (config.if_ is None) == (config.switch is None):
            self._source.report(
                path, "condition.shape", "give if, or switch", "write if: with then: and else:, or switch:"
            )
        elif config.if_ is not None and config.then is None:
            self._source.report(path, "condition.shape", "then is missing", "add then: […]; it may be empty")
        elif config.switch is not None and config.default is None:
            what = "a switch without default does nothing when no case holds"
            self._source.report(path, "condition.shape", what, "add default: []")

    def _human(self, config: HumanTaskConfig, path: Path) -> None:
        self.team(config.assignee, (*path, "assignee"))
        for index, entry in enumerate(config.escalate):
            self.team(entry.to, (*path, "escalate", index, "to"))
        if config.form is not None:
            check_schema(self._source, config.form, (*path, "form"))
        if config.on_timeout == "escalate" and not config.escalate:
            what = "on_timeout: escalate has nobody to go to"
            self._source.report((*path, "on_timeout"), "task.escalate", what, "add escalate: [{after: …, to: TEAM}]")
        self._quorum(config, path)

    def _quorum(self, config: HumanTaskConfig, path: Path) -> None:
        """Whether as many people may decide as must. What is written as a template is not known here."""
        later = [entry.to for entry in config.escalate]
        people = self._deciders([config.assignee], config)
        if people is None or len(people) >= config.quorum:
            return
        place, are = (*path, "quorum"), "is" if len(people) == 1 else "are"
        who = f"{', '.join(sorted(people)) or 'nobody'} {are} all who may decide for {config.assignee}"
        more = self._deciders([config.assignee, *later], config)
        if more is None or len(more) < config.quorum:
            what = f"a quorum of {config.quorum} cannot be reached: {who}"
            mend = "lower the quorum, or add candidates, a team to escalate to, or people in reviewers.json"
            self._source.report(place, "task.quorum", what, mend)
        else:
            what = (
                f"a quorum of {config.quorum} is reached with {', '.join(later)} only, so it escalates at once: {who}"
            )
            self._source.report(place, "task.quorum", what, "lower the quorum, or add candidates", severity="warning")

    def _deciders(self, teams: list[str], config: HumanTaskConfig) -> frozenset[str] | None:
        """People of the teams and candidates, without those that are excluded by name; None when it is not known."""
        known = self._catalogue.deciders
        if any(team not in known for team in teams):
            return None
        return frozenset[str](config.candidates).union(*(known[team] for team in teams)) - set(config.exclude)

    def _channels(self, config: MultiChannelConfig, path: Path) -> None:
        names: list[str] = []
        for index, channel in enumerate(config.channels):
            place = (*path, "channels", index)
            given = [name for name in ("email", "slack", "crm") if getattr(channel, name) is not None]
            if len(given) != 1:
                self._source.report(
                    place, "channel.shape", "a channel is one of email, slack, crm", "write one of them"
                )
                continue
            count = sum(1 for name in names if name.partition("-")[0] == given[0])
            names.append(given[0] if count == 0 else f"{given[0]}-{count + 1}")
            if channel.email is not None:
                check_mail(self._source, channel.email, (*place, "email"), self._catalogue, _templated)
            action = None if channel.crm is None else channel.crm.action
            if action is not None and self._catalogue.crm_actions and action not in self._catalogue.crm_actions:
                hint = did_you_mean(action, self._catalogue.crm_actions)[2:]
                what = f"the CRM has no action {action!r}"
                self._source.report((*place, "crm", "action"), "action.unknown", what, hint)
        for index, name in enumerate(config.require if isinstance(config.require, list) else []):
            if name not in names:
                what = f"there is no channel {name!r} here"
                self._source.report((*path, "require", index), "channel.unknown", what, did_you_mean(name, names)[2:])

    def _wait(self, config: WaitConfig, path: Path) -> None:
        given = [
            name for name, value in (("for", config.for_), ("until", config.until), ("event", config.event)) if value
        ]
        if len(given) != 1:
            self._source.report(path, "wait.shape", "a wait has one of for, until, event", "write one of them")
        if config.until is not None and "{{" not in config.until:
            try:
                parse_date(config.until)
            except ExpressionError:
                mend = "write it as 2026-11-22T09:00:00Z or 2026-11-22"
                self._source.report((*path, "until"), "date.invalid", f"{config.until!r} is no date", mend)

    def _wait_any(self, config: WaitAnyConfig, path: Path) -> None:
        for name, choice in config.on.items():
            given = [value for value in (choice.event, choice.after, choice.human_task) if value is not None]
            place = (*path, "on", name)
            if len(given) != 1:
                self._source.report(
                    place, "wait.shape", "a choice is one of event, after, human-task", "write one of them"
                )
            elif choice.human_task is not None:
                self._human(choice.human_task, (*place, "human-task"))

    def _notify(self, config: NotifyConfig, path: Path) -> None:
        self.team(config.target, (*path, "target"))

    def _emit(self, config: EmitConfig, path: Path) -> None:
        if "{{" not in config.type and len(config.type) > LONGEST_TYPE:
            what = f"the type of an event has at most {LONGEST_TYPE} characters"
            self._source.report((*path, "type"), "emit.type", what, "write a short name, like order.shipped")

    def _workflow(self, config: WorkflowConfig, path: Path) -> None:
        known = self._catalogue.definitions
        if known is not None and config.id not in known:
            hint = did_you_mean(config.id, known)[2:]
            self._source.report((*path, "id"), "definition.unknown", f"no definition {config.id!r} is published", hint)
        elif known is not None and known[config.id]:
            place = (*path, "inputs")
            check_params(self._source, config.inputs, dict(known[config.id]), place, config.id, is_open=_templated)


def _allows(connection: KnownConnection, host: str) -> bool:
    return any(host == allowed or _is_below(host, allowed) for allowed in connection.hosts)


def _is_below(host: str, allowed: str) -> bool:
    return allowed[:2] == "*." and host.endswith(allowed[1:])


def _templated(value: Any) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and "{{" in item:
            return True
        waiting.extend((as_object(item) or {}).values())
        waiting.extend(as_list(item) or [])
    return False
