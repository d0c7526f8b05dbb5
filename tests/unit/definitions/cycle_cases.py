"""Mistakes in steps with `back_to`, each with its line and a part of its mend."""

HEAD = 'id: tried\nversion: "1.0.0"\ninputs: {n: {type: number}, text: {type: string, default: x}}\nsteps:\n'
A, D = "{id: a, type: set}", "{id: d, type: set}"


def steps(*entries: str) -> str:
    return HEAD + "".join(f"  - {entry}\n" for entry in entries)


def back(name: str, to: str, most: int, exhausted: str = "") -> str:
    end = f", exhausted: {exhausted}" if exhausted else ""
    return f"{{id: {name}, type: set, when: inputs.n > 1, config: {{v: 1}}, back_to: {to}, max: {most}{end}}}"


CYCLES = [
    ("back.shape", steps(A, "{id: b, type: set, back_to: a}"), 6, "add max: 10"),
    ("back.shape", steps("{id: a, type: set, max: 3}"), 5, "add back_to"),
    ("back.unknown", steps(A, "{id: b, type: set, back_to: c, max: 3}"), 6, "the same list"),
    ("back.unknown", steps(A, "{id: b, type: set, back_to: a, max: 3, exhausted: a}"), 6, "comes later"),
    ("back.unknown", steps("{parallel: [{id: a, type: set}, {id: b, type: set, back_to: a, max: 3}]}"), 5, "no order"),
    ("back.endless", steps(A, "{id: b, type: set, back_to: a, max: 3}"), 6, "add when:"),
    ("back.too-many", steps(A, back("b", "a", 50), back("c", "a", 50)), 6, "1,000 in all"),
    ("back.crossing", steps(A, back("b", "a", 3, "d"), "{id: c, type: set}", D, back("e", "c", 3)), 9, "before b"),
    ("back.entered", steps(A, back("b", "a", 3), "{id: c, type: set, needs: [a]}"), 7, "add b to needs"),
    ("back.entered", steps(A, back("b", "a", 3, "d"), "{id: d, type: set, needs: []}"), 7, "add b to needs"),
    ("read.maybe-skipped", steps("{id: a, type: set, config: {v: '{{ steps.b.v }}'}}", back("b", "a", 3)), 5, "??"),
]
