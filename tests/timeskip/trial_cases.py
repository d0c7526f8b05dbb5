"""Each step type with each outcome that it can have, as a definition with one test: generated from the language."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from tests.fakes.documents import frozen
from tests.timeskip.trial_samples import CHILD, KINDS, PASSING, REFUSED, TASK, Sample, sample_of
from towpath.engine.language.definition import CaseOperation, DefinitionTest
from towpath.engine.language.model import Model
from towpath.engine.language.steps import ForEach, Group, HumanTaskConfig, WaitConfig

HELD: dict[str, Any] = {"after": "300d"}
PLAIN: tuple[dict[str, Any], str] = ({}, "")
STOP = [{"event": "stop", "after": "1m"}]
UNDO: dict[str, Any] = {"type": "api", "config": {"service": "s", "method": "probe/undo"}}
FALLBACK = {"fallback": [{"type": "notification", "target": "ops-team"}, {"type": "queue", "queue": "failed-tries"}]}
BEFORE: dict[str, Any] = {
    "id": "before",
    "type": "api",
    "config": {"service": "s", "method": "before"},
    "compensate": {"type": "api", "config": {"service": "s", "method": "before/undo"}},
}
AFTER = {
    "id": "after",
    "type": "set",
    "config": {"status": "{{ run.steps.probe.status }}", "error": "{{ run.steps.probe.error?.code ?? 'none' }}"},
}
AFTER_GROUP = {"id": "after", "type": "set", "config": {"n": 1}}
FAILING = {"id": "broken", "type": "api", "config": {"service": "s", "method": "broken"}}
BROKEN = {"broken": {"fail": REFUSED}}
BREAKS = {
    "id": "breaks",
    "type": "condition",
    "config": {"if": "1 > 0", "then": [{"id": "moment", "type": "wait", "config": {"for": "1s"}}, FAILING]},
}
"""Fails after a moment, by itself: calls of one moment may be sent together, and then end together."""
EACH = "each"
"""The group of which the step that is tried is a member, once for each item."""
VERBS = tuple(name for name in CaseOperation.model_fields if name not in {"after", "output", "by", "reason"})


@dataclass(frozen=True)
class TrialCase:
    """`in_flight`: what the test does comes while a call has no answer, so that no time passes before it. And
    `after_failure`, when the step that is broken has failed.
    """

    name: str
    document: dict[str, Any]
    test: DefinitionTest
    in_flight: bool = False
    after_failure: bool = False
    visits: int = 1
    """How often the step that is tried is done, one time after the other."""
    is_beside: bool = False
    """Whether something begins while a call has no answer: a run whose history is long waits for that first."""
    items: int = 0
    """How many items the group has that it is a member of."""


def choices(model: type[Model], name: str) -> list[str]:
    """What a field of the language may say: a new word is in the cases by itself."""
    return [entry for entry in get_args(model.model_fields[name].annotation) if isinstance(entry, str)]


def all_cases() -> list[TrialCase]:
    found: list[TrialCase] = []
    for kind in KINDS:
        found.extend(_of_any(kind, sample_of(kind)))
    builders = (
        *(_tasks, _waits, _arriving, _choices, _channels, _claude, _children),
        *(_alerts, _retries, _checks, _catches, _undecided),
    )
    for build in builders:
        found.extend(build())
    return found


def case(
    name: str,
    steps: list[Any],
    answers: dict[str, Any] | None = None,
    *,
    header: dict[str, Any] | None = None,
    in_flight: bool = False,
    after_failure: bool = False,
    visits: int = 1,
    **test: Any,
) -> TrialCase:
    around = {"documents": frozen("probe"), "error_handling": FALLBACK, **(header or {})}
    document = {"id": "tried", "version": "1.0.0", **around, "steps": steps}
    given = {"name": name, "answers": answers or {}, **test}
    return TrialCase(name, document, DefinitionTest.model_validate(given), in_flight, after_failure, visits)


def beside(tried: TrialCase) -> TrialCase:
    return replace(tried, is_beside=True)


def probe(kind: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "probe", "type": kind, "config": config, **more}


def _of_any(kind: str, sample: Sample) -> Iterator[TrialCase]:
    """What can become of a step of any type."""
    plain = probe(kind, sample.config)
    yield case(f"{kind}: success", [BEFORE, plain, AFTER])
    yield case(f"{kind}: when false", [BEFORE, {**plain, "when": "1 > 2"}, AFTER], _nobody(kind))
    yield case(f"{kind}: later failure", [BEFORE, plain, FAILING], BROKEN)
    yield from _ahead(kind, plain)
    if kind != "condition":
        yield case(f"{kind}: undone", [BEFORE, {**plain, "compensate": UNDO}, FAILING], BROKEN)
    if sample.lasts:
        yield from _under_way(kind, sample)
        yield from _races(kind, sample)
    for code in filter(None, (sample.refused, sample.passing)):
        yield from _failures(kind, plain, code)
    if sample.repeats:
        yield from _repeated(kind, plain, sample)


def _ahead(kind: str, plain: dict[str, Any]) -> Iterator[TrialCase]:
    """Operators on a step that has not begun, and on one that has ended."""
    if kind == "condition":
        return
    hold = {"id": "hold", "type": "wait", "config": {"for": "6h"}}
    for verb in ("skip", "set_output"):
        told = {"after": "1h", verb: "probe", "output": {"by": "hand"}}
        yield case(f"{kind}: {verb} ahead", [BEFORE, hold, plain, AFTER], _nobody(kind), operations=[told])
        yield case(f"{kind}: {verb} too late", [BEFORE, plain, hold, AFTER], operations=[{**told, "after": "5h"}])


def _under_way(kind: str, sample: Sample) -> Iterator[TrialCase]:
    """What can come while a step is under way."""
    held = probe(kind, sample.held or sample.config)
    answers = _holding(kind, sample)
    flying: dict[str, Any] = {"in_flight": sample.is_call}
    for more, name in (PLAIN, ({"compensate": UNDO}, ", compensate")):
        steps = [BEFORE, {**held, **more}, AFTER]
        for verb in VERBS:
            told: dict[str, Any] = {"after": "1m", verb: "probe" if verb in {"skip", "set_output"} else True}
            if verb == "set_output":
                told["output"] = {"by": "hand"}
            rest = [{"after": "2m", "cancel": True}] if verb in {"pause", "resume"} else []
            yield case(f"{kind}: {verb} under way{name}", steps, answers, operations=[told, *rest], **flying)
        stopped = {**held, **more, "cancel_on": {"event": "stop"}}
        yield case(f"{kind}: cancel_on{name}", [BEFORE, stopped, AFTER], answers, events=STOP, **flying)
        header = {"cancel_on": {"event": "stop"}}
        yield case(f"{kind}: cancel_on of the run{name}", steps, answers, header=header, events=STOP, **flying)
        timed = {**held, **more, "timeout": "1s"}
        late = {"probe": {"timeout": True}}
        yield case(f"{kind}: times out{name}", [BEFORE, timed, AFTER], late)
        yield case(
            f"{kind}: skip and later failure{name}",
            [*steps[:2], FAILING],
            {**answers, **BROKEN},
            operations=[{"after": "1m", "skip": "probe"}],
            **flying,
        )


def _nobody(kind: str) -> dict[str, Any]:
    """Nobody decides, where people are asked."""
    return {"probe": {"decisions": []}} if kind == "human-task" else {}


def _holding(kind: str, sample: Sample) -> dict[str, Any]:
    return {"probe": HELD} if sample.is_call else _nobody(kind)


def _races(kind: str, sample: Sample) -> Iterator[TrialCase]:
    """Won and lost, against one that wins or loses by time."""
    short = {"id": "other", "type": "wait", "config": {"for": "1s" if sample.is_call else "1h"}}
    long = {"id": "other", "type": "wait", "config": {"for": "20h"}}
    held = probe(kind, sample.held or sample.config)
    for losers in choices(Group, "losers"):
        quick = {"id": "race", "parallel": [probe(kind, sample.config), long], "join": "any", "losers": losers}
        yield case(f"{kind}: race won, {losers}", [BEFORE, quick, {"id": "end", "type": "set"}])
    lost = {"id": "race", "parallel": [held, short], "join": "any"}
    yield beside(case(f"{kind}: race lost", [BEFORE, lost, AFTER], _holding(kind, sample)))
    both = {"id": "race", "parallel": [probe(kind, sample.config), long, FAILING], "join": {"count": 2}}
    yield case(f"{kind}: two of three", [BEFORE, both, AFTER], BROKEN)
    short_of = {"id": "race", "parallel": [probe(kind, sample.config), FAILING], "join": {"count": 2}}
    yield case(f"{kind}: too few of two", [BEFORE, short_of, AFTER], BROKEN)
    for on_error in choices(Group, "on_error"):
        group = {"parallel": [held, BREAKS], "on_error": on_error}
        ends = [{"after": "1m", "cancel": True}] if on_error == "finish" and kind not in _PATIENT else []
        grouped = case(
            f"{kind}: group {on_error}",
            [BEFORE, group, AFTER],
            {**_holding(kind, sample), **BROKEN},
            in_flight=sample.is_call,
            after_failure=bool(ends),
            operations=ends,
        )
        yield beside(grouped) if sample.is_call else grouped


_PATIENT = {"wait", "wait-any", "human-task"}


def _failures(kind: str, plain: dict[str, Any], code: str) -> Iterator[TrialCase]:
    answers = {"probe": {"fail": code}}
    policies: dict[str, Any] = {"fail": "fail", "continue": "continue", "default": {"default": {"by": "default"}}}
    for (name, policy), (more, undo) in itertools.product(
        policies.items(), (PLAIN, ({"compensate": UNDO}, ", compensate"))
    ):
        step = {**plain, "on_error": policy, **more}
        yield case(f"{kind}: {code}, on_error {name}{undo}", [BEFORE, step, AFTER], answers)
    step = {**plain, "on_error": "continue", "compensate": UNDO}
    yield case(f"{kind}: {code}, later failure", [BEFORE, step, FAILING], {**answers, **BROKEN})
    race = {"id": "race", "parallel": [plain, {"id": "other", "type": "set"}], "join": "any"}
    yield case(f"{kind}: {code}, race", [BEFORE, race, AFTER], answers)


def _repeated(kind: str, plain: dict[str, Any], sample: Sample) -> Iterator[TrialCase]:
    for policy in choices(ForEach, "on_item_error"):
        for share in (None, "20%", "60%"):
            loop = {"times": 3, "concurrency": 1, "on_item_error": policy, **({"max_failures": share} if share else {})}
            step = {**plain, "for_each": loop, "retry": {"max_attempts": 1}}
            name = f"{kind}: for_each {policy} {share or ''}".rstrip()
            yield case(name, [BEFORE, step, AFTER])
            if sample.refused:
                answers = {"probe": [{}, {"fail": sample.refused}, {}]}
                yield case(f"{name}, one fails", [BEFORE, step, AFTER], answers)
                undone = {**step, "compensate": UNDO}
                yield case(f"{name}, one fails, undone", [BEFORE, undone, FAILING], {**answers, **BROKEN})
                two = {"probe": [{"fail": sample.refused}, {}, {"fail": sample.refused}, {}]}
                six = {**step, "for_each": {**loop, "times": 6}}
                yield case(f"{name}, two of six fail", [BEFORE, six, AFTER], two)


def _tasks() -> Iterator[TrialCase]:
    escalate = [{"after": "20h", "to": "compliance-leads"}]
    dana, noor = {"by": "dana", "after": "1h"}, {"by": "noor", "after": "2h"}
    no = {"by": "noor", "verdict": "reject", "reason": "no", "after": "2h"}
    people: dict[str, list[Any]] = {
        "nobody": [],
        "approved": [dana],
        "rejected": [{**no, "after": "1h"}],
        "approved, then late": [dana, noor],
        "quorum": [dana, noor],
        "quorum not reached": [dana],
        "quorum by one": [dana, {**dana, "after": "3h"}],
        "quorum, rejected": [dana, no],
        "excluded": [{"by": "eve", "after": "1h"}, noor],
        "without reason": [{**no, "reason": " "}, {**dana, "after": "3h"}],
        "too late": [{**dana, "after": "25h"}],
    }
    for on_timeout, on_reject in itertools.product(
        choices(HumanTaskConfig, "on_timeout"), choices(HumanTaskConfig, "on_reject")
    ):
        for name, decisions in people.items():
            for escalation in ([], escalate):
                config = {
                    **TASK,
                    "on_timeout": on_timeout,
                    "on_reject": on_reject,
                    "remind": ["6h", "12h"],
                    "escalate": escalation,
                    "quorum": 2 if "quorum" in name else 1,
                    "exclude": ["eve"],
                }
                told = f"human-task: {name}, on_timeout {on_timeout}, on_reject {on_reject}"
                named = told + (", escalate" if escalation else "")
                answers = {"probe": {"decisions": decisions}}
                # A run that has ended refuses nobody any more, so something is still waited for.
                rest = [AFTER, {"id": "rest", "type": "wait", "config": {"for": "90d"}}]
                yield case(named, [BEFORE, probe("human-task", config), *rest], answers)
    for said, quorum in itertools.product(("approve", "reject", "perhaps"), (1, 2)):
        for by in ("dana", "eve"):
            told = {"after": "1h", "set_output": "probe", "output": {"decision": said}, "by": by}
            step = probe("human-task", {**TASK, "quorum": quorum, "exclude": ["eve"]})
            name = f"human-task: {said} by set_output of {by}, quorum {quorum}"
            yield case(name, [BEFORE, step, AFTER], _nobody("human-task"), operations=[told])
            skips = {"after": "1h", "skip": "probe", "by": by}
            name = f"human-task: {said}, skip by {by}, quorum {quorum}"
            if said == "approve":
                yield case(name, [BEFORE, step, AFTER], _nobody("human-task"), operations=[skips])
    guarded = [
        probe("human-task", {**TASK, "exclude": ["eve"]}),
        {"id": "rest", "type": "wait", "config": {"for": "2h"}},
    ]
    for verb, by in itertools.product(("skip", "set_output"), ("dana", "eve")):
        told = {"after": "1h", verb: "rest", "by": by}
        yield case(f"human-task: {verb} of what it guards by {by}", [BEFORE, *guarded, AFTER], operations=[told])
    form = {"type": "object", "required": ["ticket"], "properties": {"ticket": {"type": "string"}}}
    said = [dana, {**dana, "after": "2h", "data": {"ticket": "T-1"}}]
    yield case(
        "human-task: form", [BEFORE, probe("human-task", {**TASK, "form": form}), AFTER], {"probe": {"decisions": said}}
    )


def _waits() -> Iterator[TrialCase]:
    comes = [{"event": "x.y", "after": "2h", "subject": "a", "data": {"n": 1}}]
    again = [*comes, {"event": "x.y", "after": "3h", "subject": "b", "data": {"n": 2}}]
    for on_timeout in choices(WaitConfig, "on_timeout"):
        for name, more, events in (
            ("comes", {}, comes),
            ("never comes", {}, []),
            ("comes too late", {"within": "1h"}, comes),
            ("is filtered", {"filter": "event.data.n == 2"}, again),
            ("correlates", {"correlate": "b"}, again),
            ("filter breaks", {"filter": "event.data.missing == 2"}, comes),
        ):
            config = {"event": "x.y", "within": "3d", "on_timeout": on_timeout, **more}
            yield case(
                f"wait: event {name}, on_timeout {on_timeout}", [BEFORE, probe("wait", config), AFTER], events=events
            )
    two = [probe("wait", {"event": "x.y"}), {"id": "next", "type": "wait", "config": {"event": "x.y"}}, AFTER]
    yield case("wait: two events in turn", two, events=again)
    yield case("wait: until", [BEFORE, probe("wait", {"until": "{{ run.started_at + 2d }}"}), AFTER])
    yield case("wait: no duration", [BEFORE, probe("wait", {"for": "{{ 'soon' }}"}), AFTER])


def _arriving() -> Iterator[TrialCase]:
    """Loops over events: closed by one of them, by time, or by nothing."""
    events = [{"event": "line", "after": f"{hour}h", "data": {"n": hour}} for hour in range(1, 5)]
    closings: dict[str, dict[str, Any]] = {
        "by event": {"until": "line.data.n == 3"},
        "by time": {"within": "150m"},
        "by either": {"until": "line.data.n == 9", "within": "10h"},
        "by what breaks": {"until": "line.data.missing", "within": "10h"},
        "with a filter": {"until": "line.data.n == 4", "filter": "event.data.n > 1"},
    }
    for (name, closing), policy in itertools.product(closings.items(), choices(ForEach, "on_item_error")):
        loop = {"on_event": "line", "as": "line", "on_item_error": policy, **closing}
        step = probe("api", {"service": "s", "method": "probe"}, for_each=loop, retry={"max_attempts": 1})
        told = f"for_each on_event: closed {name}, {policy}"
        yield case(told, [BEFORE, step, AFTER], events=events)
        yield case(f"{told}, one fails", [BEFORE, step, AFTER], {"probe": [{}, {"fail": REFUSED}, {}]}, events=events)
        undone = {**step, "compensate": UNDO}
        yield case(f"{told}, undone", [BEFORE, undone, FAILING], BROKEN, events=events)


def _choices() -> Iterator[TrialCase]:
    paid = {"event": "paid"}
    comes = [{"event": "paid", "after": "1h"}]
    yield case(
        "wait-any: event",
        [BEFORE, probe("wait-any", {"on": {"paid": paid, "late": {"after": "2h"}}}), AFTER],
        events=comes,
    )
    yield case("wait-any: time", [BEFORE, probe("wait-any", {"on": {"paid": paid, "late": {"after": "2h"}}}), AFTER])
    no = {"by": "dana", "verdict": "reject", "reason": "no", "after": "1h"}
    people: dict[str, list[Any]] = {"approved": [{"by": "dana", "after": "1h"}], "rejected": [no], "nobody": []}
    for (name, decisions), on_timeout, on_reject in itertools.product(
        people.items(), choices(HumanTaskConfig, "on_timeout"), choices(HumanTaskConfig, "on_reject")
    ):
        task = {**TASK, "on_timeout": on_timeout, "on_reject": on_reject}
        config = {"on": {"task": {"human-task": task}, "late": {"after": "30d"}, "paid": paid}}
        told = f"wait-any: {name}, on_timeout {on_timeout}, on_reject {on_reject}"
        yield case(told, [BEFORE, probe("wait-any", config), AFTER], {"probe": {"decisions": decisions}})


def _catches() -> Iterator[TrialCase]:
    """An error that is handled: by its code, its status, its type, or not at all; alone, in a race, in a branch."""
    told = {"id": "told", "type": "set", "config": {"code": "{{ caught.code }}", "status": "{{ caught.status }}"}}
    call = {"id": "before-handled", "type": "api", "config": {"service": "s", "method": "before-handled"}}
    handlers: dict[str, list[Any]] = {"set": [told], "call": [call], "nothing": [], "wait": [_pause("1h")]}
    errors: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        "by code": (probe("api", sample_of("api").config), {"fail": REFUSED}, {"code": REFUSED}),
        "by status": (probe("http", sample_of("http").config), status_answer(404), {"status": "4xx"}),
        "by type": (probe("raise", sample_of("raise").config), {}, {"type": sample_of("raise").config["type"]}),
        "in doubt": (probe("api", sample_of("api").config), {"fail": PASSING}, {"code": PASSING}),
        "by nothing": (probe("api", sample_of("api").config), {"fail": REFUSED}, {"status": 418}),
        "too much": (probe("http", sample_of("http").config), status_answer(404), {"status": 404, "code": PASSING}),
    }
    for (name, (step, answer, on)), (how, do) in itertools.product(errors.items(), handlers.items()):
        caught = {**step, "catch": [{"on": on, "as": "caught", "do": do}]}
        answers = {"probe": answer} if answer else {}
        yield case(f"catch: {name}, {how}", [BEFORE, caught, AFTER], answers)
        yield case(f"catch: {name}, {how}, later failure", [BEFORE, caught, FAILING], {**answers, **BROKEN})
    step, answer, on = errors["by code"]
    caught, answers = {**step, "catch": [{"on": on, "do": [_pause("2h")]}]}, {"probe": answer}
    yield case("catch: success", [BEFORE, caught, AFTER])
    yield case("catch: skipped", [BEFORE, {**caught, "when": "1 > 2"}, AFTER], _nobody("api"))
    quick = {"id": "quick", "type": "wait", "config": {"for": "1h"}}
    for join in ("all", "any"):
        yield case(f"catch: join {join}", [BEFORE, {"parallel": [caught, quick], "join": join}, AFTER_GROUP], answers)
    branch = {"id": "chosen", "type": "condition", "config": {"if": "1 > 0", "then": [caught]}}
    yield case("catch: in a branch", [BEFORE, branch, AFTER_GROUP], answers)
    for what in ({"cancel": True}, {"skip": "pause"}):
        operation = {**what, "after": "1h", "by": "operator", "reason": "r"}
        yield case(f"catch: {next(iter(what))} meanwhile", [BEFORE, caught, AFTER], answers, operations=[operation])
    failing = {**step, "catch": [{"on": on, "do": [FAILING]}]}
    yield case("catch: its handler fails", [BEFORE, failing, AFTER], {**answers, **BROKEN})
    yield case("catch: with a default", [BEFORE, {**failing, "on_error": {"default": 1}}, AFTER], {**answers, **BROKEN})


def _pause(length: str) -> dict[str, Any]:
    return {"id": "pause", "type": "wait", "config": {"for": length}}


def status_answer(status: int) -> dict[str, Any]:
    return {"output": {"status": status, "headers": {}, "body": None}}


def _channels() -> Iterator[TrialCase]:
    channels = [
        *sample_of("multi-channel").config["channels"],
        {"slack": {"channel": "#b", "message": "probe/slack-2"}},
    ]
    failing: dict[str, dict[str, Any]] = {
        "slack fails": {"channels": {"slack": "delivery.refused"}},
        "slack may be sent": {"channels": {"slack": "delivery.unavailable"}},
        "two fail": {"channels": {"slack": "delivery.refused", "slack-2": "delivery.auth"}},
        "all fail": {"fail": "delivery.refused"},
        "none fails": {},
    }
    for (name, answer), require in itertools.product(failing.items(), ("all", "any", "none", ["email"], ["slack-2"])):
        step = probe("multi-channel", {"channels": channels, "require": require}, compensate=UNDO)
        yield case(f"multi-channel: {name}, require {require}", [BEFORE, step, AFTER], {"probe": answer})
    empty = [{"slack": {"channel": "#a", "message": "{{ '' }}"}}]
    yield case("multi-channel: no text", [BEFORE, probe("multi-channel", {"channels": empty}), AFTER])


def _claude() -> Iterator[TrialCase]:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    step = probe("claude", {"prompt": "a number", "output_schema": schema})
    good, bad = {"output": {"n": 1}}, {"output": {"n": "one"}}
    for name, given in (("fits", good), ("fits the second time", [bad, good]), ("never fits", bad)):
        yield case(f"claude: answer {name}", [BEFORE, step, AFTER], {"probe": given})


def _children() -> Iterator[TrialCase]:
    left = probe("workflow", {"id": CHILD, "inputs": {}, "wait": False})
    yield case("workflow: not waited for", [BEFORE, left, AFTER])
    yield case("workflow: outputs", [BEFORE, probe("workflow", {"id": CHILD}), AFTER], {"probe": {"output": {"n": 1}}})


def _alerts() -> Iterator[TrialCase]:
    wait = probe("wait", {"for": "2h"})
    for condition in ("execution_time > 1h", "execution_time > 3h", "step_duration > 90m", "step_duration > 3h"):
        for channel in ("slack", "alert-team"):
            header = {"monitoring": {"alerts": [{"condition": condition, "channel": channel}]}}
            yield case(f"alert: {condition}, {channel}", [BEFORE, wait, AFTER], header=header)


def _undecided() -> Iterator[TrialCase]:
    """A condition that cannot be evaluated takes no branch."""
    inner: dict[str, Any] = {"id": "inner", "type": "set"}
    nested = {"id": "nested", "type": "condition", "config": {"if": "1 > 0", "then": [inner]}}
    configs: dict[str, dict[str, Any]] = {
        "if": {"if": "run.key > 0", "then": [inner], "else": [{"id": "other", "type": "set"}]},
        "switch": {"switch": [{"case": "run.key > 0", "do": [nested]}], "default": [{"id": "other", "type": "set"}]},
    }
    for name, config in configs.items():
        for on_error in ("fail", "continue", {"default": {"branch": "none"}}):
            step = probe("condition", config, on_error=on_error)
            yield case(f"undecided: {name}, {on_error}", [BEFORE, step, AFTER])
            group = {"parallel": [step, {"id": "beside", "type": "wait", "config": {"for": "1h"}}], "join": "any"}
            yield case(f"undecided: {name}, {on_error}, in a race", [BEFORE, group, AFTER_GROUP])


def _retries() -> Iterator[TrialCase]:
    passing, good = {"fail": PASSING}, status_answer(200)
    retries: dict[str, dict[str, Any]] = {
        "by class": {},
        "twice": {"retry": {"max_attempts": 2}},
        "fixed": {"retry": {"max_attempts": 4, "backoff": "fixed", "initial": "1m"}},
        "not on 5xx": {"retry": {"no_retry_on": ["5xx"]}},
        "on 429 only": {"retry": {"retry_on": [429]}},
        "within a time": {"retry": {"max_attempts": 9, "initial": "10m", "max": "1h"}, "timeout": "25m"},
    }
    for (name, more), kind in itertools.product(retries.items(), ("api", "openapi", "http", "function")):
        step = probe(kind, sample_of(kind).config, **more)
        for count in (1, 2, 3):
            answers = {"probe": [*[passing] * count, good]}
            yield case(f"{kind}: passes after {count}, retry {name}", [BEFORE, step, AFTER], answers)


def _checks() -> Iterator[TrialCase]:
    """A failure whose outcome is unknown, and what its check says of it."""
    check = {"type": "api", "config": {"service": "s", "method": "probe/check"}, "done": "output.done"}
    answers: dict[str, dict[str, Any]] = {
        "happened": {"check": {"output": {"done": True}}},
        "did not happen": {"check": {"output": {"done": False}}},
        "cannot tell": {"check": {"fail": REFUSED}},
        "is down": {"check": {"fail": PASSING}},
    }
    for (name, answer), code, undo in itertools.product(
        answers.items(), (REFUSED, PASSING), ({}, {"compensate": UNDO})
    ):
        step = probe("api", sample_of("api").config, check=check, retry={"max_attempts": 2}, **undo)
        told = f"check: {code}, {name}" + (", compensate" if undo else "")
        yield case(told, [BEFORE, step, AFTER], {"probe": {"fail": code, **answer}})
    for code in (REFUSED, PASSING):
        undone = {**probe("api", sample_of("api").config), "compensate": UNDO}
        answer = {"probe": {"undo": {"fail": code}}}
        yield case(f"undo fails: {code}", [BEFORE, undone, FAILING], {**answer, **BROKEN})
