"""Data of every shape comes in by every way and goes out by every step type: what arrives is what went in.

Where data goes out is read from the models of the language, so a new step type, or a new field, is tried by itself. One
that takes more than its data has an entry in `NEEDS`.
"""

import copy
import itertools
import json
import textwrap
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.documents import frozen
from tests.timeskip.declared import Handle, states
from tests.timeskip.receivers import BASE, CANARY, Receivers, as_compared, labelled, receiving, texts_with
from tests.waiting import until
from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.text import clean
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.run import CloudEvent, Edit
from towpath.engine.checks.steps import SENDING
from towpath.engine.language.steps import CONFIGS

TOKEN = "{{ secrets.CANARY }}"
HEADER: JsonObject = {"Authorization": f"Bearer {TOKEN}"}
POST: JsonObject = {"method": "POST", "headers": HEADER}
NEEDS: dict[str, JsonObject] = {
    "http": {**POST, "url": f"{BASE}/http"},
    "claude": {"prompt": "say"},
    "function": {"handler": "giveBack", "params": {"pin": TOKEN}},
    "api": {"service": "crm", "method": "updateStatus", "params": {"reference": "r", "status": TOKEN}},
    "openapi": {"document": "d", "operation": "operate", "params": {"pin": TOKEN}},
    "multi-channel/channels/0/email": {"to": "kim@example.com", "subject": "s", "template": "plain"},
    "multi-channel/channels/0/crm": {"action": "updateStatus", "status": "s"},
    "workflow": {"id": "child"},
    "emit": {"type": "t.emitted"},
}
"""What a step type, or a part of its config, needs beside its data. Those that can be sent a secret are sent one."""
OPEN = {
    "http/query": "value",
    "function/params": "value",
    "api/params": "fields",
    "openapi/params": "value",
    "workflow/inputs": "value",
    "multi-channel/channels/0/crm/fields": "value",
}
"""Fields with names of the author's own choice, and the name that takes the data."""


def is_clean(text: str) -> bool:
    """Mails and messages clean texts; what they do to the others is `tests/security/test_screens.py`."""
    return clean(text) == text


SEEN = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
TEXTS, NAMES = (st.text(SEEN, max_size=size).filter(is_clean) for size in (12, 6))
TEXT_ONLY = {"http/query", "multi-channel/channels/0/email/data"}
"""Where a value is written out as text."""
INSIDE = {"set", "workflow"}
"""Types whose output is what they were given: it is sent on."""
WAYS = {
    "input": "inputs.o",
    "template": "inputs.t",
    "event": "event.data",
    "answer": "steps.asked.body",
    "function": "steps.called.value",
    "edit": "steps.edited",
    "emitted": "steps.waited.data",
    "form": "steps.task.data.value",
}
"""How data comes into a run."""

MARKS: list[Any] = [
    *(
        {"$secret": "CANARY"},
        {"$text": ["x", {"$secret": "CANARY"}]},
        {"$text": []},
        {"$data": {"$secret": "CANARY"}},
    ),
    *({"path": ["headers"], "parts": [{"secret": "CANARY"}]}, {"secret": "CANARY"}, {"base64": "eA==", "a": 1}),
    *("{{ secrets.CANARY }}", "$${{ secrets.CANARY }}", "secrets.CANARY", "$secret", "CANARY", "***"),
]
MARKED = st.sampled_from(MARKS)
KEYS = st.sampled_from(
    ["$secret", "$text", "$data", "references", "secrets", "until", "filter", "done", "form", "error"]
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)),
    *(TEXTS, MARKED),
)
DATA: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | NAMES, inner, max_size=3),
    max_leaves=8,
)


def fields(kind: str) -> list[str]:
    """Places in the config of a step type that take any data, as `name/name`; a list's first item is `0`."""
    model = CONFIGS[kind]
    if model is None:
        return [kind]
    schema = model.model_json_schema()
    return [f"{kind}/{place}" for place in _fields(schema, cast("JsonObject", schema.get("$defs", {})))]


def _fields(schema: Any, known: JsonObject) -> list[str]:
    found: list[str] = []
    for name, part in schema.get("properties", {}).items():
        found.extend(f"{name}{rest}" for rest in _places(part, known))
    return found


def _places(part: Any, known: JsonObject) -> list[str]:
    """Ends of the path below a field: empty when it takes data itself, or by names of the author's."""
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name in {"Entry", "Case"}:
        return []
    if name in known:
        return [f"/{rest}" for rest in _fields(known[name], known)]
    if "anyOf" in part:
        return [place for option in part["anyOf"] for place in _places(option, known)]
    if "items" in part:
        return [f"/0{place}" for place in _places(part["items"], known)]
    taken = part.get("additionalProperties", part)
    takes_any = isinstance(taken, dict) and taken.get("x-template") is True and "type" not in taken
    return [""] if takes_any else []


def part(door: str, label: str) -> JsonValue:
    if door in TEXT_ONLY:
        return f"{{{{ to_json({{'door': '{label}', 'data': steps.all}}) }}}}"
    return {"door": label, "data": "{{ steps.all }}"}


def config(door: str, label: str = "") -> JsonObject:
    """A config with data at a place, and with what the type needs beside it."""
    kind, *path = door.split("/")
    found: Any = copy.deepcopy(NEEDS.get(kind, {}))
    here, place = found, kind
    for name, after in itertools.pairwise(path):
        place = f"{place}/{name}"
        new: Any = [] if after == "0" else copy.deepcopy(NEEDS.get(place, {}))
        if name == "0":
            here.append(new)
        else:
            here.setdefault(name, new)
        here = here[0 if name == "0" else name]
    if door in OPEN:
        here.setdefault(path[-1], {})[OPEN[door]] = part(door, label or door)
    else:
        here[path[-1] if path else "value"] = part(door, label or door)
    return cast("JsonObject", found)


DOORS = [door for kind in CONFIGS for door in fields(kind)]
APART = [door for door in DOORS if door.partition("/")[0] in SENDING]
"""What may be sent by a compensation or a check as well."""


def coming_in() -> list[JsonObject]:
    return [
        {"id": "asked", "type": "http", "config": {"url": f"{BASE}/answer", "headers": HEADER}},
        {"id": "called", "type": "function", "config": {"handler": "giveBack", "params": {"value": "{{ inputs.o }}"}}},
        {"id": "edited", "type": "wait", "config": {"for": "90d"}},
        {"id": "waited", "type": "wait", "config": {"event": "t.go", "correlate": "{{ run.key }}"}},
        {"id": "task", "type": "human-task", "config": {"assignee": "compliance-team", "form": {"type": "object"}}},
    ]


def going_out() -> list[JsonValue]:
    """A step for each door, then all that a step has beside its config; what undoes is done, since the run fails."""
    found: list[JsonValue] = []
    for number, door in enumerate(DOORS):
        kind = door.partition("/")[0]
        found.append({"id": f"door-{number}", "type": kind, "config": config(door)})
        if kind in INSIDE:
            found.append(sent(f"after-{number}", f"{{{{ steps.door-{number} }}}}", needs=[f"door-{number}"]))
    found.append(
        sent("each", {"door": "for_each", "data": "{{ thing }}"}, for_each={"in": "{{ [steps.all] }}", "as": "thing"})
    )
    polled = sent("polled", {"door": "poll", "data": "{{ steps.all }}"})
    polled["config"] = {**cast("JsonObject", polled["config"]), "poll": {"until": "output.status == 200"}}
    found.append(polled)
    for number, door in enumerate(APART):
        call: JsonObject = {"type": door.partition("/")[0], "config": config(door, f"check {door}"), "done": "true"}
        lost: JsonObject = {
            **sent(f"lost-{number}", {}, url=f"{BASE}/lost"),
            "check": call,
            "retry": {"max_attempts": 1},
        }
        undo: JsonObject = {"type": door.partition("/")[0], "config": config(door, f"compensate {door}")}
        found.extend([lost, {**sent(f"undone-{number}", {}), "compensate": undo}])
    return found


def sent(name: str, body: JsonValue, url: str = f"{BASE}/http", **more: JsonValue) -> JsonObject:
    return {"id": name, "type": "http", "config": {**POST, "url": url, "body": body}, **more}


LABELS = sorted([*DOORS, "for_each", "poll", *(f"{when} {door}" for when in ("check", "compensate") for door in APART)])
DOCUMENT = json.dumps(
    [
        {"parallel": coming_in()},
        {"id": "all", "type": "set", "config": {way: f"{{{{ {place} }}}}" for way, place in WAYS.items()}},
        {"parallel": going_out()},
        {"id": "boom", "type": "function", "config": {"handler": "endRun", "params": {"reason": "so"}}},
    ],
    indent=1,
)
STEPS = textwrap.indent(DOCUMENT, "  ")
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
NAMED = json.dumps(frozen("operate", server=BASE))
MORE = f"inputs: {{o: {{}}, t: {{required: false}}}}\ntriggers: [{{type: event, source: t}}]\ndocuments: {NAMED}"


async def brought_in(handle: Handle, data: JsonObject) -> None:
    """All that comes while the run goes on."""
    await until(lambda: states(handle), lambda found: found["edited"] == found["waited"] == found["task"] == "running")
    await until(lambda: handle.query("review"), lambda task: task is not None)
    event = CloudEvent(id="1", type="t.go", subject=handle.id.partition("/")[2], data=data["emitted"])
    decision = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="seen", data={"value": data["form"]})
    await handle.signal("event", event)
    await handle.execute_update("decide", decision)
    await handle.execute_update("set_output", Edit(step="edited", by="dana", reason="so", value=data["edit"]))


def test_every_step_type_is_tried() -> None:
    """The models of the language say where data goes out: each such type is here, and http has its body."""
    assert {"http/body", "http/query", "function/params", "claude/input", "set"} <= set(DOORS)
    for door in DOORS:
        assert json.dumps(part(door, door)) in json.dumps(config(door))


@example(data={way: {"a": [{"$secret": "CANARY"}], "b": {"$text": ["x", {"$secret": "CANARY"}]}} for way in WAYS})
@given(data=st.fixed_dictionaries(dict.fromkeys(WAYS, DATA)))
@settings(max_examples=8, deadline=None, suppress_health_check=HEALTH)
async def test_what_arrives_is_what_went_in(env: WorkflowEnvironment, data: JsonObject) -> None:
    """Each door gives its receiver the data of all ways, once, and a secret is only where the definition has it."""
    receivers = Receivers(answer=data["answer"])
    data = {**data, "function": data["input"]}
    async with receiving(env, receivers) as served:
        event = {"id": "1", "type": "t", "data": data["event"], "more": data["template"]}
        handle = await served.runs.start(
            STEPS,
            {"o": data["input"]},
            skipping=False,
            more=MORE,
            event=event,
            input_templates={"t": "{{ event.more }}"},
        )
        await brought_in(handle, data)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        found = labelled(receivers.everything())
        history = await handle.fetch_history()

    assert sorted(found) == LABELS
    assert {label: values for label, values in found.items() if values != [as_compared(data)]} == {}
    assert CANARY not in "".join(map(str, history.events))
    assert set(texts_with(receivers.everything(), CANARY)) == {CANARY, f"Bearer {CANARY}"}
