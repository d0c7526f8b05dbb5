"""What a JSON Schema of the language can say beyond its models: words that are taken, patterns, and fields that go
together or do not. Each rule is one of `definition check`, which says it in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from towpath.engine.language.cron import cron_pattern
from towpath.engine.language.emission import LONGEST_TYPE
from towpath.engine.language.steps import CONFIGS
from towpath.engine.language.vocabulary import (
    CODES,
    FAILED_STATUS,
    LIMITED,
    NO_LOOP,
    NO_UNDO,
    ONCE_ONLY,
    SECRET_NAME,
    SECRET_TEXT,
    SENDING,
    TAKEN,
    UNNAMED,
    any_case,
)

Schema = dict[str, Any]

ABSENT: Schema = {"type": "null"}
TEMPLATE = r"\{\{"
_HOST = rf"[Hh][Tt][Tt][Pp][Ss]?://(?!(?:(?!{TEMPLATE})[^/?#])*@)[^/?#:\s]"
URL = rf"^\s*(?:{TEMPLATE}|{_HOST})"
PATH_OR_URL = rf"^\s*(?:/|{TEMPLATE}|{_HOST})"
_HOUR = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
DATE = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    rf"(?:[Tt ]{_HOUR}(?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?(?:[Zz]|[+-]{_HOUR})?)?$"
)
WHOLE_REFERENCE = r"^\s*\{\{[\s(]*(?:secrets|inputs)\s*(?:\??\.|\[)"
NO_COLON = rf"^(?:(?!{TEMPLATE})[^:])*(?:{TEMPLATE}|$)"
AUTHORIZATION = f"^{any_case('authorization')}$"
FOR_EVENTS = ("correlate", "filter", "until", "within")

_MEMBERS: Schema = {
    "properties": {
        "join": {"const": "all"},
        "parallel": {"items": {"if": {"required": ["parallel"]}, "then": {"required": ["id"]}}},
    }
}
"""What a group with `each_done` waits for: all of its members, each by its id."""


def add_rules(document: Schema, definitions: dict[str, Schema]) -> None:
    """Put the rules into the schemas of the document and of what it is made of."""
    _words(definitions)
    _texts(definitions)
    definitions["Step"]["allOf"].extend(_steps())
    definitions["ForEach"]["allOf"] = _loops()
    definitions["Group"]["allOf"] = [
        _if({"properties": {"each_done": {"minItems": 1}}, "required": ["each_done"]}, _MEMBERS),
        _if(_given("for_each"), {"required": ["id"]}),
    ]
    definitions["HttpConfig"]["allOf"] = _requests()
    definitions["HumanTaskConfig"]["allOf"] = [_repeatable()]
    definitions["Paging"]["allOf"] = _pages()
    definitions["PlainText"], definitions["NamedText"], definitions["NamedConfig"] = _secrets()
    unnamed = {name: {"$ref": "#/$defs/PlainText"} for name in sorted(UNNAMED & document["properties"].keys())}
    single = {"properties": {"outputs": ABSENT, **_expecting({"properties": {"outputs": {"maxProperties": 0}}})}}
    named = {"properties": _expecting({"not": {"required": ["output"]}})}
    document["allOf"] = [_named(unnamed), {**_if(_given("output"), single), "else": named}]
    secret_input = {"properties": {"x-secret": {"const": True}}, "required": ["x-secret"]}
    rule = _if(secret_input, {"not": {"required": ["default"]}})
    _also(document["properties"]["inputs"], {"additionalProperties": rule})


def _expecting(rule: Schema) -> Schema:
    """What each test may expect."""
    return {"tests": {"items": {"properties": {"expect": rule}}}}


def _if(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def _given(field: str) -> Schema:
    return {"required": [field], "not": {"properties": {field: ABSENT}}}


def _of(types: Iterable[str]) -> Schema:
    return {"properties": {"type": {"enum": sorted(types)}}, "required": ["type"]}


def _also(field: Schema, rule: Schema) -> None:
    """A field that may be left out, or that has a type already, keeps the rule beside what it has."""
    field.setdefault("allOf", []).append(rule)


def _words(definitions: Mapping[str, Schema]) -> None:
    for model in ("ForEach", "TriggerForEach", "Catch"):
        _also(definitions[model]["properties"]["as"], {"not": {"enum": sorted(TAKEN)}})
    code: Schema = {"anyOf": [{"enum": sorted(CODES)}, ABSENT]}
    for model, field in (
        ("CaughtError", "code"),
        ("Expectation", "failure"),
        ("CaseAnswer", "fail"),
        ("CaseCall", "fail"),
    ):
        _also(definitions[model]["properties"][field], code)
    definitions["CaseAnswer"]["properties"]["channels"]["additionalProperties"] = {"enum": sorted(CODES)}
    codes = "|".join(any_case(code.replace(".", r"\.")) for code in sorted(CODES))
    status = FAILED_STATUS.replace("x", "[xX]")
    repeated = {
        "anyOf": [
            {"enum": sorted(CODES)},
            {"type": "string", "pattern": f"^(?:{status}|{codes})$"},
            {"type": "integer", "minimum": 400, "maximum": 599},
        ]
    }
    for field in ("retry_on", "no_retry_on"):
        _also(definitions["Retry"]["properties"][field]["items"], repeated)


def _texts(definitions: Mapping[str, Schema]) -> None:
    for model, field, pattern in (
        ("BasicAuth", "password", WHOLE_REFERENCE),
        ("BasicAuth", "user", NO_COLON),
        ("OAuth2ClientCredentials", "client_secret", WHOLE_REFERENCE),
        ("OAuth2ClientCredentials", "token_url", URL),
        ("HttpAuth", "bearer", WHOLE_REFERENCE),
        ("HttpConfig", "url", PATH_OR_URL),
        ("ScheduleTrigger", "cron", cron_pattern()),
        ("WaitConfig", "until", f"{TEMPLATE}|{DATE}"),
        ("DefinitionTest", "now", DATE),
        ("EmitConfig", "type", rf"{TEMPLATE}|^[\s\S]{{1,{LONGEST_TYPE}}}$"),
    ):
        _also(definitions[model]["properties"][field], {"pattern": pattern})


def _steps() -> list[Schema]:
    kinds = CONFIGS.keys()
    return [
        _if(_of(kinds - SENDING), {"properties": {"select": {"maxItems": 0}}}),
        _if(_of(kinds & NO_UNDO), {"properties": {"compensate": ABSENT}}),
        _if(_of(kinds & NO_LOOP), {"properties": {"for_each": ABSENT}}),
        _if(_of(kinds - LIMITED), {"properties": {"limits": ABSENT}}),
        _if(_of(["condition"]), {"properties": {"catch": {"maxItems": 0}}}),
        _if(_given("for_each"), {"properties": {"cache": ABSENT}}),
        _if(
            {"properties": {"config": {"type": "object", **_given("paging")}}, "required": ["config"]},
            {"properties": {"select": {"maxItems": 0}}},
        ),
    ]


def _loops() -> list[Schema]:
    """`in` is a list, or a template that gives one."""
    collects = {"properties": {"on_item_error": {"const": "collect"}}, "required": ["on_item_error"]}
    return [
        {"properties": {"in": {"anyOf": [{"type": ["array", "null"]}, {"type": "string", "pattern": TEMPLATE}]}}},
        {
            **_if(
                _given("on_event"),
                {"anyOf": [_given("until"), _given("within")], "properties": {"max_failures": ABSENT}},
            ),
            "else": {
                "properties": dict.fromkeys(FOR_EVENTS, ABSENT),
                **_if(_given("max_failures"), collects),
            },
        },
    ]


def _repeatable() -> Schema:
    """No decision ends it, so something else must."""
    optional = {"properties": {"optional": {"const": True}}, "required": ["optional"]}
    ends = [_given("enabled_while"), optional, {"required": ["deadline"]}]
    repeatable = {"properties": {"repeatable": {"const": True}}, "required": ["repeatable"]}
    return _if(repeatable, {"properties": dict.fromkeys(ONCE_ONLY, ABSENT), "anyOf": ends})


def _requests() -> list[Schema]:
    return [
        _if({"not": _given("connection")}, {"properties": {"url": {"pattern": URL}}}),
        _if(_given("paging"), {"properties": {"method": {"const": "GET"}, "poll": ABSENT, "output": ABSENT}}),
        _if(
            {"properties": {"paging": _style("link")}, "required": ["paging"]},
            {"properties": {"url": {"pattern": r"^[^?]*$"}}},
        ),
        _if(
            _given("auth"),
            {"properties": {"headers": {"propertyNames": {"not": {"pattern": AUTHORIZATION}}}}},
        ),
    ]


def _pages() -> list[Schema]:
    next_one: Schema = {"properties": {"next": {"type": "string"}}, "required": ["next"]}
    return [
        {**_if(_style("cursor"), next_one), "else": {"properties": {"next": ABSENT}}},
        _if(_style("link"), {"properties": {"parameter": ABSENT}}),
    ]


def _style(name: str) -> Schema:
    return {"type": "object", "properties": {"style": {"const": name}}, "required": ["style"]}


def _secrets() -> tuple[Schema, Schema, Schema]:
    """Texts of any depth: those that look like secrets, also those of fields that are named like one, also of a config,
    in which schemas and forms say nothing by their names.
    """
    plain: Schema = {"$ref": "#/$defs/PlainText"}
    looks: Schema = _if({"type": "string"}, {"not": {"pattern": SECRET_TEXT}})
    schemas = dict.fromkeys(sorted(UNNAMED), plain)
    return (
        {**looks, "items": plain, "additionalProperties": plain},
        {**looks, **_named({})},
        {**looks, **_named(schemas)},
    )


def _named(plain: Mapping[str, Schema]) -> Schema:
    named = {"$ref": "#/$defs/NamedText"}
    literal = {"type": "string", "minLength": 6, "not": {"pattern": TEMPLATE}}
    return {
        "properties": {"config": {"$ref": "#/$defs/NamedConfig"}, **plain},
        "patternProperties": {SECRET_NAME: {"allOf": [named, {"not": literal}]}},
        "additionalProperties": named,
        "items": named,
    }
