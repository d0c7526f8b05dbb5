"""What a model finds wrong with a part of a document, in the words of a person, with what to write instead."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core import ErrorDetails

from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.mistakes import words_of
from towpath.engine.language.model import ENDPOINT, KEBAB, NAME, PERCENT, STEP_ID, VERSION, Model
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source
from towpath.engine.language.steps import CONFIGS, RETIRED, CallLimits, Step

PATTERNS: Mapping[str, tuple[str, str]] = {
    KEBAB: ("is not in kebab-case", "use lower-case letters, digits and single hyphens, like customer-onboarding"),
    STEP_ID: ("is no id", "use letters, digits, and single hyphens or underscores between them"),
    VERSION: ("is not a semantic version", 'write three numbers in quotes, like "2.0.0"'),
    NAME: ("is no name", "use letters, digits and underscores"),
    ENDPOINT: ("is no path", "begin it with a slash, like /api/webhooks/orders"),
    PERCENT: ("is no share", "write 0% to 100%"),
}


def explain(source: Source, model: type[Model], path: Path, problem: ErrorDetails, manual: str) -> None:
    """Report one problem that a model found, at its place; `manual` is where to read on."""
    kind, given = problem["type"], problem["input"]
    name = str(problem["loc"][-1]) if problem["loc"] else ""
    if kind == "missing":
        source.report(path, "field.missing", f"{name!r} is missing", f"add {name}: …")
    elif kind == "extra_forbidden":
        retired = next(
            (RETIRED[kind][name] for kind in RETIRED if CONFIGS[kind] is model and name in RETIRED[kind]), ""
        )
        if retired:
            source.report(path, "field.retired", f"{name!r} is no longer sent: the API takes none", retired, key=True)
            return
        hint = _instead(model, problem["loc"], as_object(source.value_at(path[:-1])) or {})
        source.report(path, "field.unknown", f"there is no field {name!r} here", hint, key=True)
    elif kind == "string_pattern_mismatch":
        what, mend = PATTERNS.get(str(problem.get("ctx", {}).get("pattern")), ("is not written as it must be", ""))
        source.report(path, "field.text", f"{shown(given)} {what}", mend)
    elif kind == "string_type" and name == "version":
        numbers = f"{given}.0.0" if isinstance(given, int) else f"{given}.0"
        mend = (
            f'quote it, with three numbers: "{numbers}"' if isinstance(given, float | int) else 'write it like "1.0.0"'
        )
        source.report(path, "version.unquoted", f"{shown(given)} is a number, not a version", mend)
    elif kind == "string_type":
        source.report(path, "field.type", f"{shown(given)} is not a text", _as_text(source, path, given))
    elif kind in {"list_type", "dict_type"}:
        what, mend = _as_shape(path, kind, given)
        source.report(path, "field.type", f"{shown(given)} is not {what}", mend)
    elif kind == "literal_error":
        expected = str(problem.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
        hint = did_you_mean(str(given), expected).removeprefix(": ").removeprefix("; ")
        source.report(path, "field.choice", f"{shown(given)} is none of {', '.join(expected)}", hint)
    else:
        source.report(path, "field.value", f"{shown(given)}: {words_of(problem)}", f"see {manual}")


OTHERWISE: Mapping[str, str] = {
    **dict.fromkeys(("depends_on", "dependsOn", "depends-on", "after"), "needs"),
    **dict.fromkeys(("uses", "action", "kind", "task"), "type"),
    **dict.fromkeys(("with", "args", "parameters", "params", "properties"), "config"),
    **dict.fromkeys(("if", "condition"), "when"),
    **dict.fromkeys(("foreach", "forEach", "loop", "with_items"), "for_each"),
}
"""What other tools call the keys of a step."""


OF_THE_PLACE = "a limit stands with the connection (connections.json) or the service (TOWPATH_SERVICE_LIMITS)"


def _instead(model: type[Model], location: tuple[str | int, ...], around: dict[str, Any]) -> str:
    """What to write instead of a field that is not there."""
    name = str(location[-1])
    if len(location) > 1 and location[-2] == "limits" and name not in CallLimits.model_fields:
        return OF_THE_PLACE
    if model is Step and len(location) == 1:
        config = CONFIGS.get(str(around.get("type")))
        if config is not None and name in fields_at(config, ()):
            return f"it belongs to the step's config: {{{name}: …}}"
        if name in OTHERWISE:
            return f"here it is called {OTHERWISE[name]}"
    return did_you_mean(name, fields_at(model, location[:-1])).removeprefix(": ").removeprefix("; ")


def _as_text(source: Source, path: Path, given: Any) -> str:
    """How to write a text where something else stands."""
    if given is None:
        place = source.place(path)
        rest = source.lines[place.line - 1][place.column - 1 :] if place.line <= len(source.lines) else ""
        return "quote it: an unquoted # begins a comment" if rest.lstrip().startswith("#") else "write a text"
    if path and path[-1] in TIMES and isinstance(given, int | float):
        return f'give it a unit: "{given}s"'
    return f'quote it: "{shown(given)}"' if isinstance(given, int | float) else "write a text"


TIMES = frozenset({"timeout", "deadline", "within", "ttl", "initial", "every", "for", "after", "catchup", "jitter"})
STEP_LISTS = frozenset({"steps", "then", "else", "default", "do", "parallel"})


def _as_shape(path: Path, kind: str, given: Any) -> tuple[str, str]:
    """A list or a mapping where something else stands: what it should be, and how to write it."""
    if kind == "list_type":
        if path and path[-1] in STEP_LISTS:
            return "a list of steps", "write - {id: …, type: …} for each"
        return "a list", f"write [{given}]" if isinstance(given, str | int) else "write - … for each"
    if path[:1] == ("inputs",):
        schema = f"{{type: {given}}}" if isinstance(given, str) else "{type: string}"
        return "a mapping", f"write NAME: {schema}" if len(path) == 1 else f"write a JSON Schema: {schema}"
    return "a mapping", "write name: value"


def fields_at(model: type[Model], location: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model that stands at a location inside another one."""
    current: Any = model
    for part in location:
        nested = _nested(current, part)
        current = current if nested is None else nested
    return [info.alias or name for name, info in current.model_fields.items()]


def _nested(model: type[Model], part: str | int) -> type[Model] | None:
    for name, info in model.model_fields.items():
        if part in {name, info.alias}:
            waiting: list[Any] = [info.annotation]
            while waiting:
                kind = waiting.pop()
                if isinstance(kind, type) and issubclass(kind, Model):
                    return kind
                waiting.extend(get_args(kind))
    return None


def shown(value: Any) -> str:
    """A value as it stands in a definition."""
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    text = repr(value) if text is None else text
    return text if len(text) <= 60 else text[:57] + "…'"
