"""What checking lets pass reads nothing that is missing, whichever branches a run takes and whoever is first."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from towpath.engine.checks.check import check_text
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.definition import CaseAnswer, DefinitionTest
from towpath.engine.trial.simulate import run_case

FLAGS = 4
CATALOGUE = DefinitionCatalogue()
SURVIVED_BY_NOTHING = {"service.refused", "step.join"}
"""What the failures that are drawn make of a run when nothing around them handles it."""
HEAD = {"id": "tried", "version": "1.0.0", "inputs": {f"b{n}": {"type": "boolean"} for n in range(FLAGS)}}


class Drawn:
    """A definition drawn at random: lists, groups with joins, branches and needs."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.ids: list[str] = []
        self.slow: list[str] = []
        self._open: set[str] = set()

    def document(self) -> dict[str, Any]:
        return {**HEAD, "steps": [*self._list(4, 0), {"id": "last", "type": "set"} | self._needs()]}

    def _one_in(self, count: int) -> bool:
        return self._data.draw(st.integers(1, count)) == 1

    def _list(self, most: int, depth: int) -> list[Any]:
        return [self._entry(depth) for _ in range(self._data.draw(st.integers(1, most)))]

    def _inside(self, name: str, most: int, depth: int) -> list[Any]:
        self._open.add(name)
        found = self._list(most, depth + 1)
        self._open.discard(name)
        return found

    def _entry(self, depth: int) -> dict[str, Any]:
        kind = self._data.draw(st.sampled_from(["step", "step", "group", "condition"] if depth < 2 else ["step"]))
        if kind == "group":
            name = self._name("g")
            members = self._inside(name, 3, depth)
            join = self._data.draw(st.sampled_from(["all", "any", {"count": 2}]))
            caught = [{"do": self._inside(name, 1, depth)}] if self._one_in(3) else []
            return {"id": name, "parallel": members, "join": join, "catch": caught}
        step: dict[str, Any] = {"when": self._flag()} if self._one_in(4) else {}
        step |= self._needs() if self._one_in(3) else {}
        if kind == "condition":
            name = self._name("c")
            branches = {branch: self._inside(name, 2, depth) for branch in ("then", "else")}
            step |= {"id": name, "type": "condition", "config": {"if": self._flag(), **branches}}
        elif self._one_in(3):
            name = self._name("n")
            self.slow.append(name)
            step |= {"id": name, "type": "notify", "config": {"target": "ops"}}
            step |= {"on_error": "continue"} if self._one_in(3) else {}
        else:
            step |= {"id": self._name("s"), "type": "set"}
        return step

    def _needs(self) -> dict[str, Any]:
        others = [name for name in self.ids if name not in self._open]
        if not others:
            return {}
        needs = self._data.draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
        join = self._data.draw(st.sampled_from(["all", "all", "any", {"count": 2}]))
        return {"needs": needs, "join": join if join != {"count": 2} or len(needs) > 1 else "all"}

    def _flag(self) -> str:
        return f"{{{{ inputs.b{self._data.draw(st.integers(0, FLAGS - 1))} }}}}"

    def _name(self, kind: str) -> str:
        name = f"{kind}{len(self.ids)}"
        self.ids.append(name)
        return name


def _sets(entries: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        config = entry.get("config", {})
        handlers = [step for caught in entry.get("catch", []) for step in caught["do"]]
        yield from _sets([*entry.get("parallel", []), *handlers, *config.get("then", []), *config.get("else", [])])
        if entry.get("type") == "set":
            yield entry


@settings(max_examples=250, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_passes_reads_nothing_that_is_missing(data: st.DataObject) -> None:
    """Any step reads any other one, with any flags, any order of completions, and failures that the run survives."""
    drawn = Drawn(data)
    document = drawn.document()
    reader = data.draw(st.sampled_from(list(_sets(document["steps"]))))
    flags = {f"b{number}": data.draw(st.booleans()) for number in range(FLAGS)}
    fails = {name for name in drawn.slow if data.draw(st.booleans())}
    times = {name: f"{data.draw(st.integers(0, 3))}s" for name in drawn.slow}
    for read in drawn.ids:
        reader["config"] = {"v": f"{{{{ steps.{read} }}}}"}
        checked = check_text(json.dumps(document), CATALOGUE)
        if checked.plan is None or not checked.ok:
            continue
        answers: dict[str, CaseAnswer | list[CaseAnswer]] = {
            name: CaseAnswer(output=1, fail="service.refused" if name in fails else None, after=after)
            for name, after in times.items()
        }
        result = run_case(checked.plan, DefinitionTest(name="drawn", inputs=flags, answers=answers), {})
        assert result.status == "completed" or result.failure in SURVIVED_BY_NOTHING, (result, document)
