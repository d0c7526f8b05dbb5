"""Templates and conditions of one run: evaluated against its inputs, its outputs so far, and its own clock."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode, HouseError
from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.functions import parse_date
from towpath.engine.expression.template import (
    OPEN,
    SECRETS,
    compile_condition,
    compile_template,
    decide,
    is_secret,
    joined,
    render,
    render_text,
    secret_named,
)
from towpath.engine.expression.values import (
    LANGUAGE_VERSION,
    ExpressionError,
    Scope,
    Value,
    as_json,
    as_sent,
    as_text,
    class_of,
)
from towpath.engine.language.http_step import HttpConfig, OpenApiConfig
from towpath.engine.language.model import Model
from towpath.engine.language.plan import PlanNode, written
from towpath.engine.language.reads import secrets_read
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.steps import (
    ApiConfig,
    ClaudeConfig,
    ConditionConfig,
    EachGroupConfig,
    ForEach,
    FunctionConfig,
    HumanTaskConfig,
    NotifyConfig,
    RaiseConfig,
    StepCall,
    WaitAnyConfig,
    WaitConfig,
)
from towpath.engine.run.actions import Completed, Failed, Outcome, StepRun
from towpath.engine.run.effects import has_effect
from towpath.engine.run.marking import prompt_of, secret_of
from towpath.engine.run.raising import error_data, raised, step_record
from towpath.engine.run.sameness import Uuids

PureFunctions = Mapping[str, Callable[[dict[str, Value]], Value]]
RAW_FIELDS = frozenset({"output_schema", "form"})
"""Parts of a config that are schemas: nothing in them is a template."""
LATE_FIELDS = frozenset({"until", "filter", "done"})
"""Conditions on something that is not there yet when the step starts."""
SENDING = (HttpConfig, ApiConfig, OpenApiConfig, FunctionConfig)
"""Steps that an activity does which has the values of secrets."""
AS_WRITTEN = RAW_FIELDS | LATE_FIELDS
LATE_OF: Mapping[str, type[Model]] = {"paging": HttpConfig, "enabled_while": HumanTaskConfig}
FREE_NAMES = 2
"""Version of the language since which these names mean something only where the language has such a field."""
ENCODED_URLS = 3
"""Version since which values in a `url` of `compensate` and `check` are percent-encoded, as those of a step are."""
TEXTS = frozenset({"title", "message", "instructions", "system", "target", "assignee"})
"""Fields that people read or that name somebody: a number in one of them is written out."""


class StepError(Exception):
    """A step cannot start: what it is made from cannot be evaluated."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run knows of itself. `event` is what triggered it."""

    id: str
    started_at: datetime
    secrets: tuple[str, ...] = ()
    event: JsonValue = None
    trigger: str = "manual"
    salt: str = ""
    """What the uuids in effects are made from: a run that continues this one makes the same. None is fixed without."""
    language: int = LANGUAGE_VERSION


class Evaluation:
    """The roots that the expressions of a run read. The mappings are the scheduler's own and change with it."""

    def __init__(
        self,
        facts: RunFacts,
        inputs: dict[str, JsonValue],
        outputs: dict[str, Value],
        functions: PureFunctions,
        new_uuid: Callable[[], str],
        secret_inputs: Sequence[str] = (),
    ) -> None:
        """`secret_inputs` are those that are given as the name of a secret."""
        self.facts = facts
        self._secret_inputs = secret_inputs
        self._functions = functions
        self._new_uuid = new_uuid
        self.records: dict[str, Value] = {}
        self._names: dict[str, Value] = {
            "inputs": inputs,
            "steps": outputs,
            "run": {
                "id": facts.id,
                "key": facts.id.partition("/")[2] or facts.id,
                "started_at": facts.started_at,
                "trigger": facts.trigger,
                "steps": self.records,
            },
            "event": facts.event,
            SECRETS: {name: secret_named(name) for name in facts.secrets},
        }
        self.now = facts.started_at
        self.moments: dict[str, datetime] = {}
        """What `now()` is in the configs of steps with an effect, which may be made again."""
        self.places: Mapping[str, str] = {}
        """Names of steps that are past the first visit of their cycle."""
        self.errors: dict[str, Value] = {}
        """What was caught, by the names that the definition gives it."""
        self.held: frozenset[str] = frozenset()
        """Pure steps that are to be started like all others: a test answers for them."""

    def scope(self, **more: Value) -> Scope:
        return Scope({**self._names, **more} if more else self._names, self.now, self._new_uuid, self.facts.language)

    def roots(self) -> dict[str, Value]:
        """What every expression of the run may read, by name."""
        return self._names

    def place(self, step: str) -> str:
        """What a step is called in the visit of its cycle that it is in."""
        return self.places.get(step, step)

    def tell(self, step: str, run: StepRun, **more: Value) -> None:
        """Make the record of a settled step readable as `run.steps.ID`."""
        self.records[step] = {**step_record(run, self.now), **more}

    def catch(self, name: str, failure: Failure) -> None:
        """Make an error readable for what handles it."""
        self.recall({name: error_data(failure)})

    def recall(self, errors: Mapping[str, Value]) -> None:
        """Errors that were caught, by their names."""
        self.errors.update(errors)
        self._names.update(errors)

    def is_true(self, condition: str | bool, what: str, **more: Value) -> bool:
        """Raises StepError."""
        if isinstance(condition, bool):
            return condition
        try:
            return decide(compile_condition(condition), self.scope(**more))
        except ExpressionError as error:
            raise _refused(what, error) from None

    def items(self, loop: ForEach) -> list[Value]:
        """What a step is done for each of. Raises StepError."""
        if loop.times is not None:
            return list(range(loop.times))
        if loop.on_event is not None:
            return []
        items = as_list(self.value(loop.in_, "for_each.in"))
        if items is None:
            raise StepError(Failure(code=FailureCode.STEP_INPUT, message="for_each.in: it is not a list"))
        return items

    def value(self, template: Any, what: str, **more: Value) -> Value:
        """A template, or any value with templates in it, as JSON. Raises StepError."""
        return _value(template, what, self.scope(**more))

    def sent(self, template: Any, what: str, **more: Value) -> Value:
        """As `value`, for what an activity sends: secrets in it stay what they are. Raises StepError."""
        return _value(template, what, self._sending(**more), keep=True)

    def part(self, part: StepCall, what: str, **more: Value) -> Value:
        """The config of a call that belongs to a step: its check, its compensation. Raises StepError."""
        url = part.config.get("url")
        if part.type != "http" or not isinstance(url, str) or self.facts.language < ENCODED_URLS:
            return self.sent(part.config, what, **more)
        return {**self.sent({**part.config, "url": ""}, what, **more), "url": self._url(url, f"{what}.url", **more)}

    def may_send(self, config: Any) -> tuple[str, ...]:
        """Names of the secrets that a part of the definition may have sent: its own, and those that inputs are names
        of, among those of the definition.
        """
        inputs: dict[str, Value] = self._names["inputs"]
        given = (secret_of(inputs.get(name)) for name in self._secret_inputs)
        return tuple(dict.fromkeys((*secrets_read(config), *(name for name in given if name in self.facts.secrets))))

    def _sending(self, **more: Value) -> Scope:
        """Here an input that is the name of a secret is that secret."""
        inputs: dict[str, Value] = self._names["inputs"]
        names = {name: secret_of(inputs.get(name)) for name in self._secret_inputs}
        named = {name: secret_named(secret) for name, secret in names.items() if secret is not None}
        return self.scope(**({"inputs": {**inputs, **named}} if named else {}), **more)

    def moment(self, template: str, what: str) -> datetime:
        """A template that gives a date, or text that is one. Raises StepError."""
        try:
            return parse_date(render_text(compile_template(template), self.scope()))
        except ExpressionError as error:
            raise _refused(what, error) from None

    def duration(self, text: str, what: str, **more: Value) -> timedelta:
        """A duration as written or as a template gives it. Raises StepError."""
        known = parse_duration(text)
        if known is not None:
            return known
        try:
            found = render_text(compile_template(text), self.scope(**more))
        except ExpressionError as error:
            raise _refused(what, error) from None
        if isinstance(found, timedelta):
            return found
        known = parse_duration(str(found))
        if known is None:
            raise StepError(_failure(FailureCode.STEP_INPUT, f"{what}: it is no duration"))
        return known

    def config(self, node: PlanNode, **more: Value) -> dict[str, Value]:
        """The config of a step, every template in it evaluated. Raises StepError.

        Made again, also in a redrive, that of a step with an effect is the same while inputs and outputs are.
        """
        with self._fixed(node, more.get("index")):
            return self._config(node, **more)

    @contextmanager
    def _fixed(self, node: PlanNode, index: Value) -> Generator[None]:
        name = self.place(node.id)
        moment = self.moments.get(name)
        if moment is None:
            yield
            return
        now, new_uuid = self.now, self._new_uuid
        self.now = moment
        if self.facts.salt:
            place = name if index is None else f"{name}/{index}"
            self._new_uuid = Uuids(self.facts.salt, place)
        try:
            yield
        finally:
            self.now, self._new_uuid = now, new_uuid

    def _config(self, node: PlanNode, **more: Value) -> dict[str, Value]:
        given = node.config
        if isinstance(given, (WaitConfig, EachGroupConfig)):
            return {}
        if isinstance(given, WaitAnyConfig):
            tasks = {name: choice.human_task for name, choice in given.on.items() if choice.human_task is not None}
            return {
                "on": {name: {"human-task": self._fields(task, written(task), **more)} for name, task in tasks.items()}
            }
        return self._fields(given, node.written, **more)

    def _fields(
        self, given: Model | dict[str, Any] | None, plain: Mapping[str, Any], **more: Value
    ) -> dict[str, Value]:
        found: dict[str, Value] = {}
        as_written = AS_WRITTEN if isinstance(given, Model) or self.facts.language < FREE_NAMES else frozenset[str]()
        sends = isinstance(given, SENDING) and not (
            isinstance(given, FunctionConfig) and given.handler in self._functions
        )
        scope = self._sending(**more) if sends else self.scope(**more)
        for name, value in plain.items():
            if name in as_written or _is_constant(value) or isinstance(given, LATE_OF.get(name, ())):
                found[name] = value
            elif name == "prompt" and isinstance(given, ClaudeConfig):
                found[name] = _prompt(given, self.scope(**more))
            elif name == "url" and isinstance(given, HttpConfig):
                found[name] = self._url(given.url, "config.url", **more)
            else:
                has_late = (name == "poll" and isinstance(given, HttpConfig)) or self.facts.language < FREE_NAMES
                found[name] = (_late if has_late else _field)(name, value, scope, keep=sends)
        if isinstance(given, (NotifyConfig, HumanTaskConfig, ClaudeConfig)):
            found |= {name: as_text(found[name]) for name in sorted(TEXTS & found.keys()) if found[name] is not None}
        return found

    def _url(self, url: str, what: str, **more: Value) -> Value:
        """Values inside a URL are percent-encoded: they can end no segment and open no query. Its beginning is not."""
        try:
            template = compile_template(url)
            if template.whole is not None or not template.expressions:
                return self.sent(url, what, **more)
            scope = self._sending(**more)
            values = [part if isinstance(part, str) else part.expression.evaluate(scope) for part in template.parts]
        except ExpressionError as error:
            raise _refused(what, error) from None
        return joined(
            value if is_secret(value) else as_text(value) if index == 0 or type(part) is str else _quoted(value)
            for index, (part, value) in enumerate(zip(template.parts, values, strict=True))
        )

    def branch(self, node: PlanNode) -> str:
        """The branch that a condition takes. Raises StepError."""
        config = node.config
        if not isinstance(config, ConditionConfig):
            raise TypeError(node.id)
        if config.if_ is not None:
            return "then" if self.is_true(config.if_, "config.if") else "else"
        for index, case in enumerate(config.switch or []):
            if self.is_true(case.case, f"config.switch[{index}].case"):
                return f"case-{index + 1}"
        return "default"

    def is_pure(self, node: PlanNode) -> bool:
        """Whether a step is done without an activity."""
        if node.step is not None and node.step.type == "raise":
            return True
        if node.step is None or node.id in self.held:
            return False
        if node.step.type == "set":
            return True
        return isinstance(node.config, FunctionConfig) and node.config.handler in self._functions

    def has_effect(self, node: PlanNode) -> bool:
        return has_effect(node, self._functions)

    def perform(self, node: PlanNode, config: dict[str, Value]) -> Outcome:
        """Do a pure step."""
        if isinstance(node.config, RaiseConfig):
            return Failed(raised(config))
        if not isinstance(node.config, FunctionConfig):
            return Completed(config)
        try:
            return Completed(self._functions[node.config.handler](config["params"]))
        except HouseError as error:
            return Failed(error.failure(1))


def _is_constant(value: Value) -> bool:
    """Whether a part of a config stands for itself, seen at a glance."""
    of = class_of(value)
    return OPEN not in value if of is str else of is not dict and of is not list


def _value(template: Any, what: str, scope: Scope, *, keep: bool = False) -> Value:
    try:
        return (as_sent if keep else as_json)(render(template, scope))
    except ExpressionError as error:
        raise _refused(what, error) from None


def _field(name: str, value: Value, scope: Scope, *, keep: bool) -> Value:
    return _value(value, f"config.{name}", scope, keep=keep)


def _late(name: str, value: Value, scope: Scope, *, keep: bool) -> Value:
    """A part of a config that has a condition on something that is not there yet."""
    nested = as_object(value)
    if nested is not None and LATE_FIELDS & nested.keys():
        return {
            inner: item if inner in LATE_FIELDS else _value(item, f"config.{name}.{inner}", scope, keep=keep)
            for inner, item in nested.items()
        }
    return _field(name, value, scope, keep=keep)


def _quoted(value: Value) -> str:
    return quote(as_text(value), safe="")


def _prompt(config: ClaudeConfig, scope: Scope) -> str:
    try:
        return prompt_of(config.prompt, scope)
    except ExpressionError as error:
        raise _refused("config.prompt", error) from None


def _refused(what: str, error: ExpressionError) -> StepError:
    return StepError(_failure(FailureCode.STEP_EXPRESSION, f"{what}: {error.message}"))


def _failure(code: FailureCode, message: str) -> Failure:
    return Failure(code=code, message=message, attempts=1)
