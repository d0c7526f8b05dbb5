"""No field of a step passes `check` and then goes nowhere: each is one that the receiving side can take."""

import ast
import asyncio
import inspect
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from anthropic.resources.messages import AsyncMessages

from tests.unit.test_claude_client import claude, ending, event, opening, sends
from towpath.contracts.core.claude import AskRequest, InlinePrompt
from towpath.contracts.core.delivery import PostSlack, SendEmail, UpdateCrm
from towpath.contracts.declared.http_call import HttpRequest, OperationCall
from towpath.contracts.declared.run import CloudEvent, FindDefinition, FunctionCall, ServiceCall
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.model import Model
from towpath.engine.language.steps import CONFIGS, RETIRED, ClaudeConfig
from towpath.policy.core.mailing import make_mail
from towpath.standins.claude.models import describe
from workflows.declared.effects import Effects
from workflows.kit.notices import team_notice
from workflows.kit.task import TaskPlan

ROOT = Path(__file__).resolve().parents[2]
Receiver = tuple[Callable[..., Any], str]
RUN = "the run itself reads it"
API = AsyncMessages.create
ARRIVES: Mapping[str, Mapping[str, Receiver | str]] = {
    "http": {
        **{name: (HttpRequest, name) for name in ("url", "method", "headers", "query", "body", "expect", "connection")},
        **{name: (HttpRequest, name) for name in ("output", "redirect")},
        **dict.fromkeys(("auth.basic.user", "auth.basic.password", "auth.bearer"), (HttpRequest, "auth")),
        **{
            f"auth.oauth2_client_credentials.{name}": (HttpRequest, "auth")
            for name in ("token_url", "client_id", "client_secret", "scopes")
        },
        "timeout": (HttpRequest, "timeout_seconds"),
        "poll.until": RUN,
        "poll.every": RUN,
        "poll.for": RUN,
        **dict.fromkeys(("paging.style", "paging.items", "paging.next", "paging.max"), RUN),
        **dict.fromkeys(("paging.parameter", "paging.first"), (HttpRequest, "query")),
    },
    "claude": {
        "prompt": (API, "messages"),
        "system": (API, "system"),
        "model": (API, "model"),
        "input": (API, "messages"),
        "output_schema": (API, "output_config"),
        "max_tokens": (API, "max_tokens"),
        "effort": (API, "output_config"),
        "web_search": (API, "tools"),
    },
    "function": {"handler": (FunctionCall, "handler"), "params": (FunctionCall, "params")},
    "api": {
        "service": (ServiceCall, "service"),
        "method": (ServiceCall, "operation"),
        "params": (ServiceCall, "params"),
    },
    "openapi": {
        "document": (OperationCall, "document"),
        "operation": (OperationCall, "operation"),
        "params": (OperationCall, "params"),
        "output": (OperationCall, "output"),
    },
    "raise": dict.fromkeys(("type", "status", "title", "detail"), RUN),
    "condition": dict.fromkeys(("if", "then", "else", "switch.case", "switch.do", "default"), RUN),
    "human-task": {
        "assignee": (TaskPlan, "team"),
        **{
            name: (TaskPlan, name)
            for name in (
                *("candidates", "title", "instructions", "form", "deadline"),
                *("quorum", "exclude", "repeatable"),
            )
        },
        "remind": (TaskPlan, "agenda"),
        "escalate.after": (TaskPlan, "agenda"),
        "escalate.to": (TaskPlan, "agenda"),
        "on_timeout": (TaskPlan, "then_to"),
        **dict.fromkeys(("on_reject", "enabled_while", "optional"), RUN),
    },
    "multi-channel": {
        "channels.email.to": (SendEmail, "to"),
        "channels.email.template": (make_mail, "template"),
        "channels.email.language": (SendEmail, "language"),
        "channels.email.subject": (make_mail, "subject"),
        "channels.email.data": (make_mail, "data"),
        "channels.slack.channel": (PostSlack, "channel"),
        "channels.slack.message": (PostSlack, "text"),
        "channels.crm.action": (Effects, "update_crm"),
        "channels.crm.status": (UpdateCrm, "status"),
        "channels.crm.reference": (UpdateCrm, "reference"),
        "channels.crm.fields": (UpdateCrm, "fields"),
        "require": RUN,
    },
    "wait": dict.fromkeys(("for", "until", "event", "correlate", "filter", "within", "on_timeout"), RUN),
    "workflow": {
        **{name: (FindDefinition, name) for name in ("id", "version", "inputs")},
        "wait": (Effects.start_run, "outlives"),
    },
    "set": {},
    "notify": {
        "target": (team_notice, "team"),
        "title": (team_notice, "title"),
        "message": (team_notice, "text"),
    },
    "queue": {"queue": RUN},
    "emit": {name: (CloudEvent, name) for name in ("type", "source", "subject", "data")},
}
"""Where each field of a config arrives: a parameter or field of what receives it."""
CHOICES = {f"on.{name}": RUN for name in ("event", "correlate", "filter", "after")}
WAIT_ANY = CHOICES | {f"on.human-task.{name}": to for name, to in ARRIVES["human-task"].items()}


def fields_of(model: type[Model], before: str = "") -> Iterator[str]:
    """Every field of a model as definitions name it, those of models inside it too."""
    for name, info in model.model_fields.items():
        path = f"{before}{info.alias or name}"
        inner = list(_models(info.annotation))
        yield from [found for one in inner for found in fields_of(one, f"{path}.")] if inner else [path]


def _models(annotation: Any) -> Iterator[type[Model]]:
    if (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, Model)
    ):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_has_a_receiver(kind: str) -> None:
    """A field that is added to a step type is told here until somebody can take it; none stays when it is gone."""
    model = CONFIGS[kind]
    given = WAIT_ANY if kind == "wait-any" else ARRIVES[kind]
    assert sorted(given) == sorted([] if model is None else fields_of(model))
    for name, receiver in given.items():
        if isinstance(receiver, tuple):
            to, parameter = receiver
            known = inspect.signature(to).parameters if to is not Effects else vars(Effects)
            assert parameter in known, f"{name} would arrive at {to.__name__}, which has no {parameter}"
        else:
            assert name.rpartition(".")[2] in words_of_the_run(), f"nothing in a run reads {name}"


@cache
def words_of_the_run() -> frozenset[str]:
    """Names of attributes and keys that the code of a run reads."""
    found: set[str] = set()
    for room in ("workflows/declared", "towpath/engine/run", "towpath/engine/language"):
        for path in sorted((ROOT / room).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and path.name != "steps.py":
                    found.add(node.attr.rstrip("_").replace("human_task", "human-task"))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return frozenset(found)


OTHERWISE: Mapping[str, Any] = {
    "prompt": "other",
    "system": "other",
    "model": "fast",
    "input": {"a": 1},
    "output_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
    "max_tokens": 17,
    "effort": "high",
    "web_search": True,
}


@pytest.mark.parametrize("name", ClaudeConfig.model_fields)
async def test_every_field_of_a_claude_step_is_sent(name: str) -> None:
    """Through the SDK, each field changes the parameter of the API that it belongs to, and the SDK takes it."""
    plain, changed = await sent({}), await sent({name: OTHERWISE[name]})
    receiver = ARRIVES["claude"][name]
    assert receiver[1] in {key for key in plain.keys() | changed.keys() if plain.get(key) != changed.get(key)}


ABLE = re.sub(r'("web_search": \{"supported": )false', r"\1true", json.dumps(describe("claude-sonnet-5-5"))).encode()
MODEL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ABLE), ABLE)


async def sent(given: Mapping[str, Any]) -> dict[str, Any]:
    """The body that the API gets from a claude step."""
    config = ClaudeConfig.model_validate({"prompt": "hi", **given})
    fields = config.model_dump()
    inline = InlinePrompt(name="s", text=fields.pop("prompt"), **{k: v for k, v in fields.items() if k != "input"})
    request = AskRequest(prompt="s", input=config.input or {}, inline=inline)
    bodies: list[bytes] = []

    async def serve(writer: asyncio.StreamWriter) -> None:
        """A request without a body asks what a model can do."""
        answer = sends(opening() + event("ping") + ending("end_turn")) if bodies[-1] else sends(MODEL)
        await answer(writer)

    async with claude(serve, bodies) as client:
        await client.check_models()
        await client.ask(request, attempt=1, progress=lambda _: None)
    return json.loads(bodies[-1])


def test_stored_definitions_go_on_without_retired_fields() -> None:
    """What was published with a field that is gone is read without it, and keeps its digest."""
    for kind, names in RETIRED.items():
        config = {"prompt": "hi", **dict.fromkeys(names, 0.5)}
        document: dict[str, Any] = {
            "id": "a",
            "version": "1.0.0",
            "steps": [{"id": "s", "type": kind, "config": config}],
        }
        plan = load_plan(digest(document), document)
        assert plan.node("s").config == ClaudeConfig(prompt="hi")
