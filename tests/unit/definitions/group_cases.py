"""Mistakes in groups with `for_each`, each with its line and a part of its mend."""

from tests.unit.definitions.cycle_cases import A, steps


def each(*members: str, loop: str = "{times: 2}", name: str = "id: g, ", more: str = "") -> str:
    return f"{{{name}parallel: [{', '.join(members)}], for_each: {loop}{more}}}"


def reading(text: str, name: str = "m", more: str = "") -> str:
    return f"{{id: {name}, type: set, config: {{v: '{{{{ {text} }}}}'}}{more}}}"


GROUPS = [
    ("group.for-each", steps(each("{id: m, type: set}", name="")), 5, "add id"),
    ("for-each.shape", steps(each("{id: m, type: set}", loop="{as: x}")), 5, "one of in, times and on_event"),
    ("expression.type", steps(each("{id: m, type: set}", loop="{in: '{{ inputs.text }}'}")), 5, "list"),
    ("for-each.name", steps(each("{id: m, type: set}", loop="{times: 2, as: steps}")), 5, "another name"),
    ("for-each.name", steps(each(each("{id: m, type: set}", name="id: h, "))), 5, "around it"),
    ("read.unknown", steps(each(reading("itme"))), 5, "did you mean 'item'"),
    ("read.unknown", steps(each(reading("item")), reading("item", "b")), 6, "known"),
    ("read.unknown-step", steps(each(reading("steps.n"))), 5, "no step 'n'"),
    ("read.of-item", steps(each(reading("item")), reading("steps.m.v", "b")), 6, "read steps.g[0].m"),
    ("read.of-item", steps(each("{id: m, type: set}"), reading("run.steps.m.status", "b")), 6, "read run.steps.g"),
    ("read.of-item", steps(each("{id: m, type: set}")) + "outputs: {o: '{{ steps.m }}'}\n", 6, "read steps.g[0].m"),
    ("read.of-item", steps(each("{id: m, type: set}", loop="{in: '{{ steps.m }}'}")), 5, "read steps.g[0].m"),
    ("read.not-before", steps("{parallel: [" + each(reading("steps.a.v")) + f", {A}]}}"), 5, "move it before"),
    ("read.not-before", steps(each(reading("steps.g"))), 5, "move it before"),
    ("needs.across", steps(A, each("{id: m, type: set, needs: [a]}")), 6, "stand after a"),
    ("needs.across", steps(each("{id: m, type: set}"), "{id: b, type: set, needs: [m]}"), 6, "needs: [g]"),
    ("back.unknown", steps(A, each("{id: m, type: set, when: inputs.n > 1, back_to: a, max: 3}")), 6, "the same list"),
    ("secret.place", steps(each(reading("secrets.KEY"))), 5, "http, api or function"),
    ("duration.invalid", steps(each("{id: m, type: set}", loop="{on_event: a.b, within: soon}")), 5, "30s"),
    (
        "test.unknown-step",
        steps(each("{id: m, type: set}")) + "tests: [{name: x, expect: {steps: {g/0/n: completed}}}]\n",
        6,
        "g/0/n",
    ),
]
