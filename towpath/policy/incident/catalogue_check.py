"""Everything that is wrong with the files of a catalogue, each problem with its place and its mend."""

import re
from collections.abc import Collection, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from pydantic import JsonValue

from towpath.contracts.incident.remediation import MetricQuery
from towpath.engine.checks.params import check_params
from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source
from towpath.policy.incident.catalogue_file import (
    ActionFile,
    InventoryFile,
    MetricsFile,
    ParameterFile,
    StepFile,
)
from towpath.policy.incident.conditions import metrics_of, problems
from towpath.policy.incident.planning import IDENTIFIER, ParameterError, filled, placeholders
from towpath.policy.incident.sense_check import check_sense

LONGEST = timedelta(hours=1)
_VARIABLE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|\$")
_QUOTED_SERVICE = '"$service"'
_BRACES = re.compile(r"\{\{|\{[^{}]*\}|[{}]")


def check_metrics(source: Source, given: MetricsFile) -> None:
    names = [metric.name for metric in given.metrics]
    for index, metric in enumerate(given.metrics):
        path: Path = ("metrics", index)
        if metric.name in names[:index]:
            source.report((*path, "name"), "metric.twice", f"{metric.name} is there twice", "rename one of them")
        _query(source, metric.query, (*path, "query"))
        if metric.healthy is not None:
            if check_condition(source, metric.healthy, (*path, "healthy"), names) and metric.name not in metrics_of(
                metric.healthy
            ):
                mend = f"compare metrics.{metric.name}"
                source.report((*path, "healthy"), "metric.other", f"it does not read {metric.name}", mend, at=0)
        elif metric.required:
            what = "a required metric must say when it is healthy"
            source.report((*path, "required"), "metric.healthy", what, f"add healthy: metrics.{metric.name} < …")


def check_inventory(source: Source, given: InventoryFile) -> None:
    names = [service.name for service in given.services]
    for index, service in enumerate(given.services):
        path: Path = ("services", index)
        _identifier(source, service.name, (*path, "name"))
        if service.name in names[:index]:
            source.report((*path, "name"), "service.twice", f"{service.name} is there twice", "join the two")
        for number, instance in enumerate(service.instances):
            _identifier(source, instance, (*path, "instances", number))
            if instance in service.instances[:number]:
                what = f"{instance} is there twice"
                source.report((*path, "instances", number), "instance.twice", what, "leave one of them out")


def check_condition(source: Source, condition: str, path: Path, metrics: Collection[str]) -> bool:
    """Whether it is good."""
    found = problems(condition, metrics)
    for problem in found:
        source.report(path, problem.code, problem.what, problem.mend, at=problem.at)
    return not found


def _query(source: Source, query: str, path: Path) -> None:
    """`$service` stands as a whole label value, in double quotes: so the name of a service is never read as PromQL."""
    bare = query.replace(_QUOTED_SERVICE, " " * len(_QUOTED_SERVICE))
    for found in _VARIABLE.finditer(bare):
        mend = 'write service="$service"' if "service" in found[0] else "only $service is known"
        source.report(path, "query.variable", f"{found[0]} cannot stand here", mend, at=found.start())
    if _QUOTED_SERVICE not in query:
        what = "the query asks for all services at once"
        source.report(path, "query.service", what, 'select the service: {service="$service"}', at=0)


def _identifier(source: Source, name: str, path: Path) -> None:
    if IDENTIFIER.fullmatch(name) is None:
        what = f"{name[:40]!r} is no name that an action may be given"
        source.report(path, "inventory.name", what, "use letters, digits, dots, dashes and underscores")


class ActionChecks:
    """One action at a time, against what is registered."""

    def __init__(self, catalogue: DefinitionCatalogue, metrics: Sequence[MetricQuery]) -> None:
        self._catalogue = catalogue
        self._measured = metrics
        self._metrics = [metric.name for metric in metrics]

    def check(self, source: Source, given: ActionFile, file_name: str) -> None:
        if given.id != file_name:
            mend = f"write id: {file_name}, or rename the file"
            source.report(("id",), "action.file", f"the file is called {file_name}.yaml", mend)
        self._parameters(source, given)
        good = given.precondition is None or check_condition(
            source, given.precondition, ("precondition",), self._metrics
        )
        _duration(source, given.timeout, ("timeout",))
        if self._verify(source, given) and good:
            check_sense(source, given, self._measured)
        self._step(source, given, given.apply, ("apply",))
        if given.rollback is not None:
            self._step(source, given, given.rollback, ("rollback",))
        self._autonomy(source, given)

    def _parameters(self, source: Source, given: ActionFile) -> None:
        steps = [step for step in (given.apply, given.rollback) if step is not None]
        used = {name for step in steps for name in placeholders(step.params)}
        names = [parameter.name for parameter in given.parameters]
        for index, parameter in enumerate(given.parameters):
            path: Path = ("parameters", index)
            if parameter.name in names[:index]:
                source.report((*path, "name"), "parameter.twice", f"{parameter.name} is there twice", "rename one")
            if parameter.name not in used:
                mend = f'write "{{{parameter.name}}}" in a param, or leave it out'
                source.report((*path, "name"), "parameter.unused", f"nothing takes {parameter.name}", mend)
            if bool(parameter.choices) == (parameter.inventory is not None):
                what = "a parameter has choices, or an inventory"
                source.report(path, "parameter.values", what, "write one of them: nothing is ever free text")
            self._choices(source, parameter, path)

    def _choices(self, source: Source, parameter: ParameterFile, path: Path) -> None:
        for number, choice in enumerate(parameter.choices):
            place = (*path, "choices", number)
            if IDENTIFIER.fullmatch(choice) is None:
                mend = "use letters, digits, dots, dashes and underscores"
                source.report(place, "parameter.choice", f"{choice[:40]!r} cannot be a choice", mend)
            elif parameter.type == "integer" and not choice.isdecimal():
                source.report(place, "parameter.choice", f"{choice!r} is no whole number", 'write type: string, or "3"')
            elif choice in parameter.choices[:number]:
                source.report(place, "parameter.choice", f"{choice!r} is there twice", "leave one of them out")

    def _verify(self, source: Source, given: ActionFile) -> bool:
        """Whether its condition is one."""
        if given.verify is None:
            return True
        good = check_condition(source, given.verify.condition, ("verify", "condition"), self._metrics)
        times = {name: getattr(given.verify, name) for name in ("every", "hold", "within")}
        known = {name: _duration(source, text, ("verify", name)) for name, text in times.items()}
        for shorter, longer in pairwise(known):
            low, high = known[shorter], known[longer]
            if low is not None and high is not None and low > high:
                what = f"{longer} ({times[longer]}) is shorter than {shorter} ({times[shorter]})"
                source.report(("verify",), "verify.times", what, "every ≤ hold ≤ within")
        return good

    def _step(self, source: Source, action: ActionFile, step: StepFile, path: Path) -> None:
        self._placeholders(source, action, step.params, (*path, "params"))
        if bool(step.function) == bool(step.service) or bool(step.service) != bool(step.operation):
            what = "a step is an operation of a service, or a function"
            source.report(path, "step.shape", what, "write service: and operation:, or function:")
            return
        schema, callee = self._callee(source, step, path)
        if schema is None:
            return
        variants = _variants(action, step)
        is_open = _nothing if variants else _has_placeholder
        for given in variants or [step.params]:
            check_params(source, given, schema, (*path, "params"), callee, is_open=is_open)

    def _callee(self, source: Source, step: StepFile, path: Path) -> tuple[dict[str, Any] | None, str]:
        """The schema of what a step calls, and its name; what does not exist is told."""
        if step.function:
            function = self._catalogue.functions.get(step.function)
            if function is None or function.pure:
                effects = [name for name, one in self._catalogue.functions.items() if not one.pure]
                what = f"there is no function {step.function!r} with an effect"
                hint = did_you_mean(step.function, effects)[2:]
                source.report((*path, "function"), "function.unknown", what, hint)
                return None, step.function
            return dict(function.params), step.function
        service = self._catalogue.services.get(step.service)
        if service is None:
            hint = did_you_mean(step.service, self._catalogue.services)[2:]
            what = f"there is no service {step.service!r}"
            source.report((*path, "service"), "service.unknown", what, hint)
            return None, step.service
        operation = service.get(step.operation)
        if operation is None:
            what = f"{step.service} has no operation {step.operation!r}"
            hint = did_you_mean(step.operation, service)[2:]
            source.report((*path, "operation"), "operation.unknown", what, hint)
            return None, step.service
        return dict(operation.params), f"{step.service} {step.operation}"

    def _placeholders(self, source: Source, action: ActionFile, value: Any, path: Path) -> None:
        names = [parameter.name for parameter in action.parameters]
        if isinstance(value, str):
            for found in _BRACES.finditer(value):
                name = found[0][1:-1]
                if name in names and found[0] == f"{{{name}}}":
                    continue
                hint = did_you_mean(name, names)[2:] or 'only "{parameter}" may stand in braces'
                what = f"there is no parameter {name!r}" if name else "a brace stands alone"
                source.report(path, "placeholder.unknown", what, hint, at=found.start())
        for key, inner in (as_object(value) or {}).items():
            self._placeholders(source, action, inner, (*path, key))
        for index, inner in enumerate(as_list(value) or []):
            self._placeholders(source, action, inner, (*path, index))

    def _autonomy(self, source: Source, given: ActionFile) -> None:
        """What runs without a person must be judged by a metric, and must not reach the whole platform."""
        if given.approval != "auto":
            return
        if given.verify is None:
            what = "an automatic action must be verified"
            source.report(("approval",), "approval.verify", what, "add verify:, or write approval: needed")
        if given.precondition is None:
            what = "an automatic action needs a precondition"
            source.report(("approval",), "approval.precondition", what, "add precondition:, or write approval: needed")
        if given.blast_radius == "platform":
            what = "what reaches the whole platform cannot be automatic"
            source.report(("approval",), "approval.reach", what, "write approval: needed")
        if given.rollback is None and given.blast_radius != "instance":
            what, mend = "an automatic action that cannot be undone", "add rollback:, if there is one"
            source.report(("approval",), "approval.rollback", what, mend, severity="warning")


def _variants(action: ActionFile, step: StepFile) -> list[dict[str, Any]]:
    """The step's params with each choice put in once; empty where they cannot be filled in, which is told elsewhere."""
    contract = [parameter.contract() for parameter in action.parameters]
    if any(bool(one.choices) == bool(one.inventory) for one in contract):
        return []
    most = max((len(one.choices) for one in contract), default=1) or 1
    found: list[dict[str, Any]] = []
    for number in range(most):
        values = {one.name: one.choices[number % len(one.choices)] if one.choices else "a-1" for one in contract}
        try:
            found.append(dict(filled(contract, step.contract(), values)))
        except ParameterError:
            return []
    return found


def _has_placeholder(value: JsonValue) -> bool:
    return bool(placeholders(value))


def _nothing(_: JsonValue) -> bool:
    return False


def _duration(source: Source, text: str, path: Path) -> timedelta | None:
    found = parse_duration(text)
    if found is None or not timedelta(seconds=1) <= found <= LONGEST:
        source.report(path, "duration.invalid", f"{text!r} is no time between 1s and 1h", "write it like 30s or 5m")
        return None
    return found
