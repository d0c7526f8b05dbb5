"""Templates of answers: a file beside each prompt, in the shape of the answer, filled from a request's input.

A string that is one `{{ expression }}` of Jinja becomes its value, any other string a text. An object with `for`
becomes a list: `as` names the entry, `let` names values, `if` leaves entries out, and `give` is what each becomes.
A file without an answer is a table, known to all templates by its name. `like` takes over the values of another file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from jinja2 import ChainableUndefined, Environment, select_autoescape
from pydantic import JsonValue
from ruamel.yaml import YAML

from towpath.standins.claude.filters import FILTERS, TESTS

JsonObject = dict[str, JsonValue]
Names = Mapping[str, Any]
"""What expressions see: the input, the tables, and what `let` and `as` name."""

FOLDER = Path(__file__).with_name("answers")


@dataclass(frozen=True, slots=True)
class AnswerTemplate:
    """`values` are those that the answer's expressions use, in their order."""

    schema: str
    values: JsonObject
    answer: JsonValue

    def fill(self, given: Names) -> JsonObject:
        return _filled(self.answer, _named(self.values, {**given, **tables()}))


@cache
def tables() -> Mapping[str, JsonObject]:
    return {name: file for name, file in _files().items() if "answer" not in file}


@cache
def templates() -> Mapping[str, AnswerTemplate]:
    """By the name of their prompt."""
    answers = {name: file for name, file in _files().items() if "answer" in file}
    return {name: AnswerTemplate(str(file["schema"]), _values(file), file["answer"]) for name, file in answers.items()}


@cache
def _files() -> Mapping[str, JsonObject]:
    loader: Any = YAML(typ="safe")
    return {path.stem: loader.load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}


def _values(file: JsonObject) -> JsonObject:
    taken = _values(_files()[str(file["like"])]) if "like" in file else {}
    return taken | cast("JsonObject", file.get("let", {}))


def _filled(node: JsonValue, names: Names) -> Any:
    if isinstance(node, str):
        value = _compiled(node)(names)
        return list(cast("Iterator[Any]", value)) if isinstance(value, Iterator) else value
    if isinstance(node, list):
        return [_filled(entry, names) for entry in node]
    if isinstance(node, dict):
        if "for" in node:
            return list(_each(node, names))
        return {name: _filled(child, names) for name, child in node.items()}
    return node


def _each(node: JsonObject, names: Names) -> Iterator[Any]:
    for entry in _filled(node["for"], names) or ():
        known = _named(cast("JsonObject", node.get("let", {})), {**names, str(node["as"]): entry})
        if _filled(node.get("if", True), known):
            yield _filled(node["give"], known)


def _named(values: JsonObject, names: Names) -> Names:
    """Each value may use the ones before it."""
    for name, node in values.items():
        names = {**names, name: _filled(node, names)}
    return names


@cache
def _compiled(text: str) -> Callable[[Names], Any]:
    if "{{" not in text and "{%" not in text:
        return lambda _: text
    inner = text.strip().removeprefix("{{").removesuffix("}}")
    if len(inner) == len(text.strip()) - 4 and "}}" not in inner:
        expression: Callable[[Names], Any] = ENVIRONMENT.compile_expression(inner)
        return expression
    template = ENVIRONMENT.from_string(text)
    return lambda names: template.render(names).strip()


ENVIRONMENT = Environment(
    autoescape=select_autoescape(default_for_string=False),
    undefined=ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(FILTERS)
ENVIRONMENT.tests.update(TESTS)
