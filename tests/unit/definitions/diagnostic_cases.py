"""A case for each kind of problem that a definition can have: code, text, line, and what is said."""

from datetime import date
from pathlib import Path

from tests.unit.definitions.cycle_cases import CYCLES
from tests.unit.definitions.document_cases import DOCUMENT_CASES, DOCUMENTS
from tests.unit.definitions.group_cases import GROUPS
from towpath.engine.checks.check import Checked, check_text
from towpath.engine.language.catalogue import (
    DefinitionCatalogue,
    FunctionEntry,
    KnownConnection,
    MailEntry,
    OperationEntry,
)
from towpath.policy.core.mailing import MAIL_TEMPLATES

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted((ROOT / "definitions").glob("*.yaml"))
OBJECT = {"type": "object", "additionalProperties": False}
CATALOGUE = DefinitionCatalogue(
    functions={
        "score": FunctionEntry(
            "score",
            pure=True,
            params={
                **OBJECT,
                "properties": {"customer": {"type": "object"}, "n": {"type": "number"}},
                "required": ["n"],
            },
            result={**OBJECT, "properties": {"score": {"type": "number"}}, "required": ["score"]},
        )
    },
    services={
        "orders": {
            "getOrder": OperationEntry(
                "getOrder",
                {**OBJECT, "properties": {"reference": {"type": "string"}}, "required": ["reference"]},
                {**OBJECT, "properties": {"total": {"type": "number"}}, "required": ["total"]},
            )
        }
    },
    connections={"api": KnownConnection("api", ("api.example.com", "*.example.org"))},
    models={"default": None, "claude-old-1": date(2025, 1, 1), "claude-going-1": date(2026, 12, 1)},
    teams=frozenset({"ops-team", "leads"}),
    deciders={"ops-team": frozenset({"dana", "minjun"}), "leads": frozenset({"lee"})},
    mail_templates={name: MailEntry(known.fields, known.subject_from) for name, known in MAIL_TEMPLATES.items()},
    crm_actions=frozenset({"updateStatus"}),
    timezones=frozenset({"UTC", "Asia/Seoul"}),
    definitions={"order-saga": {}},
    documents=DOCUMENTS,
    today=date(2026, 11, 24),
)
HEAD = 'id: tried\nversion: "1.0.0"\ninputs: {n: {type: number}, text: {type: string, default: x}}\n'
S = "  - {id: s, type: function, config: {handler: score, params: {n: 1}}}\n"


def check(text: str) -> Checked:
    return check_text(text, CATALOGUE)


def steps(*entries: str, more: str = "") -> str:
    return HEAD + more + "steps:\n" + "".join(f"  - {entry}\n" for entry in entries)


def given_step(config: str, kind: str = "http", more: str = "") -> str:
    return steps(f"{{id: a, type: {kind}, config: {config}{more}}}")


def url(text: str, more: str = "") -> str:
    return given_step(f"{{url: '{text}'{more}}}")


def many(count: int, name: str) -> str:
    members = ", ".join(f"{{id: {name}{number}, type: set}}" for number in range(count))
    return f"{{parallel: [{members}]}}"


SCHEMAS = [
    ("dialect", "{items: {$schema: 'http://json-schema.org/draft-07/schema#'}}", "of another dialect"),
    ("too-deep", "{items: " * 51 + "{}" + "}" * 51, "more than 50 deep"),
    ("too-large", "{properties: {" + ", ".join(f"f{number}: {{}}" for number in range(5_000)) + "}}", "5,000 parts"),
]
"""What is not taken anywhere: kind, schema, and what is said."""
CASES = [
    ("source.too-large", "x" * 1_000_001, 1, ""),
    ("source.encoding", "", 1, ""),
    ("source.empty", "", 1, "nothing in it"),
    ("source.documents", "a: 1\n---\nb: 2", 2, "second document"),
    ("source.syntax", "a: [1", None, "expected"),
    ("source.duplicate-key", "id: a\nid: b", 2, "twice"),
    ("source.unquoted-template", "id: {{ x }}", 1, "template"),
    ("source.tag", "id: !!str a", 1, "tags"),
    ("source.merge-key", "a: &x {b: 1}\nc: {<<: *x}", 2, "merge"),
    ("source.alias", "a: *x", 1, "not defined"),
    ("source.number", "a: 99999999999999999999999", 1, "too large"),
    ("source.leading-zero", steps("{id: a, type: set, config: {mode: 0777}}"), 5, "is the number 777"),
    ("source.key", "[a]: 1", 1, "plain text"),
    ("source.too-deep", "[" * 100, 1, "deeper"),
    ("source.too-many", "- a\n" * 60_000, None, "values"),
    ("document.type", "- a", 1, "mapping"),
    ("version.unquoted", "id: a\nversion: 2.0\nsteps: []", 2, '"2.0.0"'),
    ("field.missing", "version: '1.0.0'\nsteps: []", 1, "add id"),
    ("field.retired", given_step("{prompt: hi, temperature: 0.5}", "claude"), 5, "effort"),
    ("field.unknown", HEAD + "stepz: []\nsteps: []", 4, "did you mean 'steps'"),
    ("field.text", "id: Not Kebab\nversion: '1.0.0'\nsteps: []", 1, "kebab"),
    ("field.type", steps("{id: a, type: wait, config: {for: 5}}"), 5, "not a text"),
    ("field.choice", url("https://api.example.com", ", method: get"), 5, "did you mean 'GET'"),
    ("field.value", given_step("{prompt: hi, max_tokens: '5'}", "claude"), 5, "whole number"),
    ("step.type", steps("just text"), 5, "mapping"),
    ("type.missing", HEAD + "triggers: [{cron: '* * * * *'}]\nsteps: []", 4, "webhook"),
    ("type.unknown", steps("{id: a, type: htp}"), 5, "did you mean 'http'"),
    ("config.type", steps("{id: a, type: set, config: [1]}"), 5, "mapping"),
    ("steps.empty", HEAD + "steps: []", 4, "add a step"),
    ("steps.too-deep", steps("{parallel: [" * 25 + "{id: a, type: set}" + "]}" * 25), None, "nested"),
    ("steps.too-many", steps(many(2_600, "a"), many(2_600, "b")), None, "split"),
    ("step.duplicate", steps("{id: a, type: set}", "{id: a, type: set}"), 6, "another id"),
    ("needs.unknown", steps("{id: first, type: set}", "{id: b, type: set, needs: [frist]}"), 6, "did you mean 'first'"),
    ("graph.cycle", steps("{id: a, type: set, needs: [b]}", "{id: b, type: set, needs: [a]}"), None, "a → b → a"),
    ("join.dead", steps("{parallel: [{id: a, type: set}], join: {count: 2}}"), 5, "never"),
    ("group.empty", steps("{parallel: []}"), 5, "no members"),
    ("group.no-effect", steps("{parallel: [{id: a, type: set}], max_concurrency: 1}"), 5, "leave it out"),
    (
        "group.each-done",
        steps("{parallel: [{id: a, type: set}], join: any, each_done: [{id: b, type: set}]}"),
        5,
        "leave join out",
    ),
    (
        "group.each-done",
        steps("{parallel: [{parallel: [{id: a, type: set}]}], each_done: [{id: b, type: set}]}"),
        5,
        "add id",
    ),
    *CYCLES,
    *GROUPS,
    ("step.unreachable", steps("{id: a, type: set, when: false}"), 5, "never runs"),
    ("step.no-effect", given_step("{for: 1s}", "wait", ", for_each: {times: 2}"), 5, "no for_each"),
    ("step.no-effect", steps("{id: a, type: set, limits: {key: a}}"), 5, "leave limits out"),
    ("field.unknown", steps("{id: a, type: http, config: {url: u}, limits: {key: a, rps: 5}}"), 5, "connections.json"),
    ("read.unknown-step", HEAD + "limits: {key: '{{ steps.b }}'}\nsteps: [{id: a, type: set}]", 4, "no step 'b'"),
    ("for-each.shape", steps("{id: a, type: set, for_each: {as: x}}"), 5, "one of in, times and on_event"),
    ("for-each.shape", steps("{id: a, type: set, for_each: {on_event: x.y}}"), 5, "until or within"),
    ("for-each.shape", steps("{id: a, type: set, for_each: {times: 2, within: 1h}}"), 5, "over events"),
    ("for-each.name", steps("{id: a, type: set, for_each: {times: 2, as: steps}}"), 5, "another name"),
    (
        "for-each.name",
        steps("{parallel: [{id: a, type: set}], each_done: [{id: b, type: set, for_each: {times: 1, as: branch}}]}"),
        5,
        "it is the member",
    ),
    ("read.unknown", steps("{id: a, type: set, config: {v: '{{ input.n }}'}}"), 5, "did you mean 'inputs'"),
    ("read.unknown-input", steps("{id: a, type: set, config: {v: '{{ inputs.nn }}'}}"), 5, "did you mean 'n'"),
    ("read.unknown-step", steps("{id: a, type: set, config: {v: '{{ steps.b }}'}}"), 5, "no step 'b'"),
    (
        "read.unknown-field",
        HEAD + "steps:\n" + S + "  - {id: b, type: set, config: {v: '{{ steps.s.scor }}'}}",
        6,
        "score",
    ),
    (
        "read.not-before",
        steps("{id: a, type: set, config: {v: '{{ steps.b }}'}}", "{id: b, type: set}"),
        5,
        "needs: [b]",
    ),
    (
        "read.maybe-skipped",
        steps("{id: a, type: set, when: '{{ inputs.n }} > 1'}", "{id: b, type: set, config: {v: '{{ steps.a.x }}'}}"),
        6,
        "??",
    ),
    (
        "read.maybe-missing",
        HEAD.replace("{n: {type: number}", "{n: {type: object, properties: {m: {}}}")
        + "steps: [{id: a, type: set, config: {v: '{{ inputs.n.m }}'}}]",
        4,
        "?.",
    ),
    (
        "read.default-lacks",
        steps(
            "{id: a, type: claude, config: {prompt: hi}, on_error: {default: {}}}",
            "{id: b, type: set, config: {v: '{{ steps.a.text }}'}}",
        ),
        6,
        "add text to on_error.default",
    ),
    ("read.computed-step", steps("{id: a, type: set, config: {v: '{{ steps[inputs.text] }}'}}"), 5, "steps.ID"),
    ("expression.syntax", steps("{id: a, type: set, config: {v: 'x {{ inputs.n + }}'}}"), 5, "value"),
    ("expression.name", steps("{id: a, type: set, config: {v: '{{ uper(inputs.text) }}'}}"), 5, "upper"),
    (
        "expression.limit",
        steps("{id: a, type: set, config: {v: '{{ " + "(" * 90 + "1" + ")" * 90 + " }}'}}"),
        5,
        "nested",
    ),
    ("expression.value", steps("{id: a, type: set, config: {v: '{{ 9999999d }}'}}"), 5, "ten years"),
    (
        "expression.value",
        steps("{id: a, type: set, config: {v: \"{{ format_date(now(), 'class of YYYY') }}\"}}"),
        5,
        "write [class]",
    ),
    ("expression.leading-zero", steps("{id: a, type: set, config: {v: '{{ inputs.n + 0777 }}'}}"), 5, "number 777"),
    ("expression.leading-zero", steps("{id: a, type: set, when: inputs.n > 0777}"), 5, "number 777"),
    ("expression.type", steps("{id: a, type: set, when: \"{{ inputs.n }} == 'x'\"}"), 5, "never a string"),
    ("condition.shape", given_step("{then: []}", "condition"), 5, "if, or switch"),
    ("wait.shape", given_step("{for: 1s, event: x}", "wait"), 5, "one of"),
    ("channel.shape", given_step("{channels: [{}]}", "multi-channel"), 5, "email"),
    (
        "channel.unknown",
        given_step("{channels: [{slack: {channel: x, message: y}}], require: [mail]}", "multi-channel"),
        5,
        "no channel",
    ),
    (
        "template.unknown",
        given_step("{channels: [{email: {to: x, template: plan}}]}", "multi-channel"),
        5,
        "did you mean 'plain'",
    ),
    ("action.unknown", given_step("{channels: [{crm: {action: upd, status: y}}]}", "multi-channel"), 5, "updateStatus"),
    ("task.escalate", given_step("{assignee: ops-team, on_timeout: escalate}", "human-task"), 5, "nobody"),
    ("task.quorum", given_step("{assignee: ops-team, quorum: 3}", "human-task"), 5, "dana, minjun are all"),
    ("task.offer", given_step("{assignee: ops-team, optional: true}", "human-task"), 5, "nothing runs beside it"),
    (
        "task.offer",
        given_step("{on: {yes: {human-task: {assignee: ops-team, enabled_while: 'true'}}}}", "wait-any"),
        5,
        "a choice of a race",
    ),
    (
        "task.offer",
        given_step("{assignee: ops-team, optional: true}", "human-task", ", for_each: {times: 2}"),
        5,
        "once for each item",
    ),
    (
        "task.offer",
        given_step("{on: {yes: {human-task: {assignee: ops-team, repeatable: true}}}}", "wait-any"),
        5,
        "a choice of a race",
    ),
    ("task.repeatable", given_step("{assignee: ops-team, repeatable: true}", "human-task"), 5, "its own deadline"),
    *(
        (
            "task.repeatable",
            given_step(f"{{assignee: ops-team, repeatable: true, deadline: 1h, {field}}}", "human-task"),
            5,
            mend,
        )
        for field, mend in (
            ("quorum: 2", "counts by itself"),
            ("remind: [5m]", "nobody is late"),
            ("escalate: [{after: 5m, to: leads}]", "nobody is late"),
            ("on_timeout: approve", "completed with what was submitted"),
            ("on_reject: continue", "one of its submissions"),
        )
    ),
    ("team.unknown", given_step("{assignee: op-team}", "human-task"), 5, "did you mean 'ops-team'"),
    ("handler.unknown", given_step("{handler: scroe}", "function"), 5, "did you mean 'score'"),
    ("service.unknown", given_step("{service: order, method: getOrder}", "api"), 5, "did you mean 'orders'"),
    ("method.unknown", given_step("{service: orders, method: getOrders}", "api"), 5, "did you mean 'getOrder'"),
    *DOCUMENT_CASES,
    ("param.unknown", given_step("{handler: score, params: {n: 1, m: 2}}", "function"), 5, "takes no 'm'"),
    ("param.missing", given_step("{handler: score}", "function"), 5, "needs 'n'"),
    ("param.value", given_step("{handler: score, params: {n: x}}", "function"), 5, "must be number"),
    ("model.unknown", given_step("{prompt: hi, model: defalt}", "claude"), 5, "did you mean 'default'"),
    ("model.retired", given_step("{prompt: hi, model: claude-old-1}", "claude"), 5, "retired on 2025-01-01"),
    ("model.ending", given_step("{prompt: hi, model: claude-going-1}", "claude"), 5, "ends on"),
    ("schema.invalid", given_step("{prompt: hi, output_schema: {type: nothing}}", "claude"), 5, "nothing"),
    *(
        (f"schema.{kind}", given_step(f"{{{field}: {text}}}", step), 5, what)
        for field, step in (("prompt: hi, output_schema", "claude"), ("assignee: ops-team, form", "human-task"))
        for kind, text, what in SCHEMAS
    ),
    *(
        (f"schema.{kind}", steps("{id: s, type: set}").replace("{type: number}", text), 3, what)
        for kind, text, what in SCHEMAS
    ),
    ("connection.unknown", url("https://api.example.com", ", connection: app"), 5, "did you mean 'api'"),
    ("host.not-allowed", url("https://api.exampel.com/x"), 5, "did you mean 'api.example.com'"),
    ("host.template", url("https://{{ inputs.text }}.example.com/x"), 5, "template"),
    ("host.https-only", url("http://api.example.com/x"), 5, "https only"),
    ("url.invalid", url("ftp://api.example.com/x"), 5, "absolute"),
    ("definition.unknown", given_step("{id: order-sage}", "workflow"), 5, "did you mean 'order-saga'"),
    ("date.invalid", given_step("{until: 2026-13-01}", "wait"), 5, "2026-11-22"),
    ("duration.invalid", given_step("{for: soon}", "wait"), 5, "1h30m"),
    (
        "secret.plain",
        url("https://api.example.com", ", headers: {authorization: Bearer abcdefghijklmnop}"),
        5,
        "secrets.NAME",
    ),
    (
        "paging.shape",
        url("https://api.example.com", ", paging: {style: cursor, items: '{{ output.body }}'}"),
        5,
        "needs to know the next one",
    ),
    ("auth.shape", url("https://api.example.com", ", auth: {}"), 5, "one of"),
    ("auth.secret", url("https://api.example.com", ", auth: {bearer: '{{ inputs.text }}'}"), 5, "{{ secrets.NAME }}"),
    ("auth.user", url("https://api.example.com", ", auth: {basic: {user: 'a:b', password: x}}"), 5, "colon"),
    (
        "auth.twice",
        url("https://api.example.com", ", headers: {Authorization: x}, auth: {bearer: '{{ secrets.KEY }}'}"),
        5,
        "leave the header out",
    ),
    ("secret.place", steps("{id: a, type: set, config: {v: '{{ secrets.KEY }}'}}"), 5, "http, api or function"),
    ("secret.name", url("https://api.example.com/{{ secrets }}"), 5, "which"),
    (
        "cron.invalid",
        steps("{id: a, type: set}", more="triggers: [{type: schedule, cron: '61 * * * *', inputs: {n: 1}}]\n"),
        4,
        "minute",
    ),
    (
        "cron.clock-change",
        steps(
            "{id: a, type: set}",
            more="triggers: [{type: schedule, cron: '30 2 * * *', timezone: Europe/Berlin, inputs: {n: 1}}]\n",
        ),
        4,
        "2027-10-31",
    ),
    (
        "timezone.unknown",
        steps(
            "{id: a, type: set}",
            more="triggers: [{type: schedule, cron: '0 9 * * MON', timezone: Asia/Soul, inputs: {n: 1}}]\n",
        ),
        4,
        "Asia/Seoul",
    ),
    (
        "trigger.input-missing",
        steps("{id: a, type: set}", more="triggers: [{type: schedule, cron: '0 9 * * MON'}]\n"),
        4,
        "inputs: {n: …}",
    ),
    (
        "trigger.duplicate",
        steps("{id: a, type: set}", more="triggers: [{type: webhook, endpoint: /x}, {type: webhook, endpoint: /x}]\n"),
        4,
        "twice",
    ),
    (
        "input.unknown",
        steps("{id: a, type: set}", more="triggers: [{type: event, source: x, inputs: {m: 1, n: 2}}]\n"),
        4,
        "no input 'm'",
    ),
    ("input.default", HEAD.replace("default: x", "default: 5") + "steps: [{id: a, type: set}]", 3, "its own schema"),
    (
        "test.unknown-step",
        steps("{id: a, type: set}", more="tests: [{name: t, answers: {b: {output: 1}}}]\n"),
        4,
        "no step 'b'",
    ),
    (
        "test.unknown-code",
        steps("{id: a, type: set}", more="tests: [{name: t, inputs: {n: 1}, answers: {a: {fail: service.refusd}}}]\n"),
        4,
        "service.refused",
    ),
    (
        "test.unheard",
        steps("{id: a, type: set}", more="tests: [{name: t, inputs: {n: 1}, answers: {a: {undo: {}}}}]\n"),
        4,
        "has no undo",
    ),
    (
        "test.output",
        steps("{id: a, type: set}", more="output: x\ntests: [{name: t, expect: {outputs: {n: 1}}}]\n"),
        5,
        "expect it by output: …",
    ),
    (
        "test.output",
        steps("{id: a, type: set}", more="tests: [{name: t, expect: {output: null}}]\n"),
        4,
        "expect them by outputs",
    ),
    (
        "test.inputs",
        steps("{id: a, type: set}", more="tests: [{name: t, inputs: {n: x}}]\n"),
        4,
        "must be number",
    ),
    (
        "output.both",
        f'{HEAD}steps:\n{S}output: "{{{{ steps.s.score }}}}"\noutputs: {{o: 1}}\n',
        6,
        "take one of them out",
    ),
    (
        "select.unknown",
        given_step("{handler: score, params: {n: 1}}", "function", ", select: [scor]"),
        5,
        "did you mean 'score'",
    ),
    ("catch.unknown", steps("{id: a, type: raise, catch: [{on: {code: step.timeuot}}]}"), 5, "step.timeout"),
    ("catch.name", steps("{id: a, type: raise, catch: [{as: steps}]}"), 5, "another name"),
    ("retry.unknown", steps("{id: a, type: set, retry: {retry_on: [429, 5xx, flaky]}}"), 5, "flaky"),
    ("emit.type", given_step(f"{{type: {'long.' * 50}}}", "emit"), 5, "at most 200"),
    (
        "emit.circle",
        steps(
            "{id: a, type: emit, config: {type: x.y}}", more="triggers: [{type: event, source: x.y, inputs: {n: 1}}]\n"
        ),
        6,
        "starts another one",
    ),
    ("secret.place", given_step("{type: x, data: {v: '{{ secrets.KEY }}'}}", "emit"), 5, "http, api or function"),
    ("too-many", steps(*(f"{{id: a{n}, type: htp}}" for n in range(300))), None, "more problems"),
]
