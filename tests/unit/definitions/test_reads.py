"""Which reads of other steps, events and records are told of when a definition is checked, and which are fine."""

import pytest

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue

HEAD = 'id: tried\nversion: "1.0.0"\ninputs: {n: {type: integer, default: 1}}\n'
A, B = "{id: a, type: notify, config: {target: ops}}", "{id: b, type: notify, config: {target: ops}}"
MAYBE_A = "{id: a, type: set, when: inputs.n > 1}"
THEN, ELSE = "then: [{id: x, type: set}]", "else: [{id: y, type: set}]"
BRANCHES = f"{{id: c, type: condition, config: {{if: inputs.n > 1, {THEN}, {ELSE}}}}}"


def read(what: str, more: str = "") -> str:
    return f'{{id: r, type: set, config: {{v: "{{{{ {what} }}}}"}}{more}}}'


def codes(*entries: str, more: str = "") -> list[str]:
    text = HEAD + more + "steps:\n" + "".join(f"  - {entry}\n" for entry in entries)
    return [problem.code for problem in check_text(text, DefinitionCatalogue()).diagnostics]


BESIDE = f"{{parallel: [{B}, {{id: t, type: human-task, config: {{assignee: ops, optional: true%s}}}}]}}"
UNDO = "compensate: {{type: http, config: {{url: 'https://a.example', body: '{{{{ {} }}}}'}}}}"
EACH = "{{id: l, type: notify, for_each: {{times: 2}}, config: {{target: ops}}, {}}}"

JOINED = "{id: j, type: set, needs: [a, b]}"

CASES: dict[str, tuple[list[str], list[str]]] = {
    "the results of a loop, where it is undone": ([EACH.format(UNDO.format("output"))], ["host.not-allowed"]),
    "one item of a loop, where it is undone": (
        [EACH.format(UNDO.format("item"))],
        ["host.not-allowed", "read.unknown"],
    ),
    "the winner of a race, with a default": ([f"{{parallel: [{A}, {B}], join: any}}", read("steps.a?.id ?? 1")], []),
    "a member of a race, without one": (
        [f"{{parallel: [{A}, {B}], join: any}}", read("steps.a.id")],
        ["read.maybe-skipped"],
    ),
    "a task that the run does not wait for": ([BESIDE % "", read("steps.t.by")], ["read.maybe-skipped"]),
    "the same, with a default": ([BESIDE % "", read("steps.t?.by ?? 1")], []),
    "the same, submitted any number of times": ([BESIDE % ", repeatable: true", read("steps.t.runs")], []),
    "a group whose members may all be skipped": (
        [f"{{id: g, parallel: [{MAYBE_A}]}}", read("steps.g.completed")],
        ["read.maybe-skipped"],
    ),
    "a group with one member that always runs": (
        [f"{{id: g, parallel: [{MAYBE_A}, {B}]}}", read("steps.g.completed")],
        [],
    ),
    "a join of two of which one may be skipped": (
        [MAYBE_A, B, "{id: j, type: set, needs: [a, b], join: {count: 2}}", read("steps.j")],
        ["read.maybe-skipped"],
    ),
    "a join of one of two": (
        [MAYBE_A, B, "{id: j, type: set, needs: [a, b], join: any}", read("steps.j")],
        [],
    ),
    "a step after one that the run goes on without": (
        [A.replace("notify,", "notify, on_error: continue,"), "{id: j, type: set, needs: [a]}", read("steps.j")],
        [],
    ),
    "a step that needs one that may be skipped": (
        [MAYBE_A, "{id: j, type: set, needs: [a]}", read("steps.j")],
        ["read.maybe-skipped"],
    ),
    "a step that needs one that may lose a race": (
        [f"{{parallel: [{A}, {{id: w, type: set}}], join: any}}", B, JOINED, read("steps.j")],
        ["read.maybe-skipped"],
    ),
    "a step that needs one whose error a group around it handles": (
        [f"{{parallel: [{A}], catch: [{{do: []}}]}}", B, JOINED, read("steps.j")],
        ["read.maybe-skipped"],
    ),
    "a step that needs one that says itself what follows its error": (
        [f"{{parallel: [{A[:-1]}, on_error: continue}}], catch: [{{do: []}}]}}", B, JOINED, read("steps.j")],
        [],
    ),
    "a join of both branches": ([BRANCHES, "{id: j, type: set, needs: [x, y], join: {count: 2}}"], ["join.dead"]),
    "a step that needs either branch": ([BRANCHES, "{id: j, type: set, needs: [x, y]}"], []),
    "a step that needs only the other branch": (
        [BRANCHES.replace("{id: y, type: set}", "{id: y, type: set, needs: [x]}")],
        ["step.unreachable"],
    ),
    "the record of a step that comes later": ([read("run.steps.b.status"), B], ["read.not-before"]),
    "the error of a step that may not have failed": ([B, read("run.steps.b.error.code")], ["read.maybe-missing"]),
    "the error of a step, with a default": ([B, read("run.steps.b.error?.code ?? 'none'")], []),
    "an event that nothing sends": ([read("event.data.x")], ["read.unknown"]),
    "a part that is not kept": (
        [
            "{id: a, type: http, select: [status], config: {url: 'https://a.example/', connection: c}}",
            read("steps.a.headers.etag"),
        ],
        ["connection.unknown", "read.unknown-field"],
    ),
    "a part that is kept": (
        [
            "{id: a, type: http, select: [status, body.id], config: {url: 'https://a.example/', connection: c}}",
            read("[steps.a.status, steps.a.body.id]"),
        ],
        ["connection.unknown"],
    ),
    "its own output": ([read("steps.r")], ["read.not-before"]),
}


@pytest.mark.parametrize(("entries", "expected"), CASES.values(), ids=CASES)
def test_read(entries: list[str], expected: list[str]) -> None:
    """A read is told of exactly when a run could find nothing there."""
    assert codes(*entries) == expected


def test_long_chains_of_needs_are_followed_once() -> None:
    """A thousand steps, each needing the two before it, are checked without going round in circles."""
    entries = ["{id: s0, type: set, when: inputs.n > 1}", "{id: s1, type: set, needs: [s0]}"]
    entries += [f"{{id: s{n}, type: set, needs: [s{n - 1}, s{n - 2}]}}" for n in range(2, 1_000)]
    assert codes(*entries, read("steps.s999")) == ["read.maybe-skipped"]


EVENT, SCHEDULE = "{type: event, source: x.y}", "{type: schedule, cron: '0 9 * * *'}"
AROUND: dict[str, tuple[str, str, list[str]]] = {
    "an event": (f"triggers: [{EVENT}]", "event.data.x", []),
    "an event, where a schedule starts runs too": (
        f"triggers: [{EVENT}, {SCHEDULE}]",
        "event.data.x",
        ["read.maybe-missing"],
    ),
    "inputs in a trigger": ("triggers: [{type: event, source: x, filter: inputs.n == 1}]", "1", ["read.unknown"]),
    "an event in a schedule": (
        "triggers: [{type: schedule, cron: '0 9 * * *', inputs: {n: '{{ event.data.n }}'}}]",
        "1",
        ["read.unknown"],
    ),
    "a step in what cancels the run": ("cancel_on: {event: x, correlate: '{{ steps.r.v }}'}", "1", ["read.not-before"]),
    "a step in an alert": (
        "monitoring: {alerts: [{condition: steps.r.v == 1, channel: slack}]}",
        "1",
        ["read.not-before"],
    ),
    "a step in a fallback": (
        "error_handling: {fallback: [{type: notification, target: ops, message: '{{ steps.r.v }}'}]}",
        "1",
        ["read.not-before"],
    ),
    "a step in a fallback, with a default": (
        "error_handling: {fallback: [{type: notification, target: ops, message: '{{ steps.r?.v ?? 0 }}'}]}",
        "1",
        [],
    ),
}


@pytest.mark.parametrize(("more", "what", "expected"), AROUND.values(), ids=AROUND)
def test_read_around_steps(more: str, what: str, expected: list[str]) -> None:
    """What is not there when a trigger, an alert or a fallback is evaluated cannot be read by it."""
    assert codes(read(what), more=f"{more}\n") == expected
