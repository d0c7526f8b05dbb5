"""What a test of a definition gives, given by fakes around a real run: answers, events, people, operators, time."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from pydantic import JsonValue
from temporalio import activity

from tests.fakes.house import answered
from tests.timeskip.trial_cases import TrialCase
from tests.timeskip.trial_samples import CHILD
from towpath.contracts.core.claude import Answer, AskRequest, Usage
from towpath.contracts.core.delivery import Delivered, PostSlack, SendEmail, TeamNotice
from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.review import FindReviewers, Reviewer, Reviewers
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.http_call import HttpAnswer, HttpRequest, OperationCall
from towpath.contracts.declared.run import (
    CacheFound,
    CacheRead,
    CacheWrite,
    CallAnswer,
    Emission,
    EmitEvent,
    EventReceivers,
    FindDefinition,
    FoundDefinition,
    FunctionCall,
    Kept,
    ServiceCall,
)
from towpath.control.definitions import make_request
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.copying import base_of
from towpath.engine.language.definition import CaseAnswer, CaseCost
from towpath.engine.language.plan import PlanNode
from towpath.engine.run.answers import has_status, output_of, selected
from towpath.engine.run.awaited import awaited_events, awaited_names
from towpath.engine.run.evaluation import Evaluation, RunFacts
from towpath.engine.run.selecting import pick
from towpath.engine.run.statuses import is_accepted, is_in_doubt, refusal_code
from towpath.engine.trial.examples import example_output
from towpath.engine.trial.script import length_of, moment_of

LONG = timedelta(days=1)
"""A call that takes so long has no answer before somebody ends it."""
TITLES = {
    "Task": "opened",
    "Task still open": "reminder",
    "Task escalated": "escalation",
    "Review closed": "closed",
    "tried failed": "fallback",
    "Alert": "alert",
    "probe": "notice",
}
CALLED = ("before", "probe", "broken")
"""What the names of calls begin with; others are those of a child run."""


@dataclass
class Ended:
    """How a run ended, in the words of a test's result."""

    status: str
    failure: str = ""
    failed_step: str = ""
    states: dict[str, str] = field(default_factory=dict[str, str])
    attempts: dict[str, int] = field(default_factory=dict[str, int])
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    single: tuple[Any, ...] = ()
    undone: list[str] | None = None
    not_undone: list[str] | None = None
    calls: list[str] = field(default_factory=list[str])
    told: list[str] = field(default_factory=list[str])
    refused: int = 0
    queue: str | None = None


@dataclass
class World:
    """What the fakes give to one run: each call gets the next answer of its test."""

    trial: TrialCase
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    given: dict[str, list[CaseAnswer]] = field(default_factory=dict[str, list[CaseAnswer]])
    cache: dict[tuple[str, str], tuple[JsonValue, datetime]] = field(
        default_factory=dict[tuple[str, str], tuple[JsonValue, datetime]]
    )
    turns: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        document = self.trial.document
        self.plan = load_plan(digest(document), document)
        for step, given in self.trial.test.answers.items():
            self.given[step] = list(given) if isinstance(given, list) else [given]

    def node(self, step: str) -> PlanNode:
        """The step, also within a group with items."""
        waiting = [self.plan]
        for plan in waiting:
            if step in plan.by_id:
                return plan.written_node(step)
            waiting.extend(node.inner for node in plan.nodes if node.inner is not None)
        raise KeyError(step)

    def see(self, name: str, key: str) -> None:
        """Each call once, however often it is tried."""
        if (name, key) not in self.calls:
            self.calls.append((name, key))

    def next(self, step: str) -> CaseAnswer | None:
        given = self.given.get(step)
        if not given:
            return None
        return given[0] if len(given) == 1 else given.pop(0)

    async def answered(self, step: str) -> Any:
        answer = self.next(step)
        node = self.node(step)
        has_poll = node.written.get("poll") is not None
        if answer is not None and not (answer.timeout and has_poll):
            await self.happen(answer)
        if answer is None or not answer.model_fields_set - {"after", "check", "undo", "cost", "cached"}:
            return example_output(node, moment_of(""))
        return answer.output

    def costs(self, step: str) -> CaseCost:
        """Of the next answer."""
        answers = self.given.get(step) or [CaseAnswer()]
        return answers[0].cost or CaseCost()

    async def happen(self, answer: CaseAnswer) -> None:
        self.entered.set()
        if answer.timeout or length_of(answer.after) >= LONG:
            await asyncio.Event().wait()
        if answer.fail is not None:
            raise HouseError(FailureCode(answer.fail), "it failed in the test")

    async def deliver(self, place: str, key: str) -> Delivered:
        """Channels that are sent together share the answers of their step, by the number of the attempt."""
        self.see(place, key)
        self.turns[place] += 1
        given = self.given.get("probe") or [CaseAnswer()]
        answer = given[min(self.turns[place], len(given)) - 1]
        await self.happen(answer)
        code = answer.channels.get(place.rpartition("/")[2])
        if code is not None:
            raise HouseError(FailureCode(code), place)
        return Delivered(message_id="test")

    def apart(self, step: str, kind: str) -> JsonValue:
        """The answer to a check or a compensation."""
        found = [call for answer in self.given.get(step, []) if (call := getattr(answer, kind)) is not None]
        if (found and found[0].fail is not None) or (not found and kind == "check"):
            raise HouseError(FailureCode(found[0].fail if found else FailureCode.SERVICE_REFUSED), kind)
        return found[0].output if found else {}


@dataclass
class Worlds:
    """The activities of all runs of a worker; each run has its own world."""

    of: dict[str, World] = field(default_factory=dict[str, World])

    def activities(self) -> Sequence[Callable[..., Any]]:
        return (
            *(self.call_service, self.call_function, self.http_request, self.send_email, self.post_slack),
            *(self.notify_team, self.find_reviewers, self.find_definition, self.emit_event),
            *(self.call_operation, self.read_cache, self.write_cache),
        )

    @property
    def _world(self) -> World:
        """That of the run, or of the one that it does an item of."""
        return self.of["/".join((activity.info().workflow_id or "").split("/")[:2])]

    @activity.defn(name="call_service")
    async def call_service(self, request: ServiceCall) -> CallAnswer:
        name = request.operation
        if name == CHILD:
            world = self.of["/".join(str(request.params["owner"]).split("/")[:2])]
            await world.happen(world.given[CHILD][0])
            return CallAnswer(value={})
        self._world.see(name, request.key)
        step, _, kind = name.partition("/")
        if kind:
            return CallAnswer(value=self._world.apart(step, kind))
        return CallAnswer(value=pick(await self._world.answered(step), request.select))

    @activity.defn(name="call_function")
    async def call_function(self, request: FunctionCall) -> CallAnswer:
        self._world.see(request.handler, request.key)
        return CallAnswer(value=pick(await self._world.answered(request.handler), request.select))

    @activity.defn(name="call_operation")
    async def call_operation(self, request: OperationCall) -> CallAnswer:
        name = str(request.operation["operationId"])
        self._world.see(name, request.key)
        given, form = await self._world.answered(name), request.output or "body"
        answer = HttpAnswer.model_validate(given) if has_status(form) else HttpAnswer(status=200, body=given)
        return CallAnswer(value=output_of(selected(answer, form, request.select), form))

    @activity.defn(name="http_request")
    async def http_request(self, request: HttpRequest) -> HttpAnswer:
        step = str(request.url).rpartition("/")[2]
        self._world.see(step, request.key)
        answer = await self._world.answered(step)
        if not has_status(request.output):
            return selected(HttpAnswer(status=200, body=answer), request.output, request.select)
        if not is_accepted(answer["status"], request.expect):
            error = HouseError(
                refusal_code(answer["status"]), str(answer["status"]), evidence={"status": answer["status"]}
            )
            error.in_doubt = is_in_doubt(answer["status"])
            raise error
        return selected(HttpAnswer.model_validate(answer), request.output, request.select)

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        step = base_of(request.prompt)
        # A question that is asked again is another one, and an attempt of the same activity is not.
        info = activity.info()
        self._world.see(step, f"{info.workflow_id} {info.activity_id} {info.scheduled_time}")
        cost = self._world.costs(step)
        output = await self._world.answered(step)
        has_schema = request.inline is not None and request.inline.output_schema is not None
        answer = answered(request.prompt, json.dumps(output) if has_schema else output["text"])
        used = Usage(input_tokens=cost.tokens)
        return answer.model_copy(update={"usage": used, "cost_usd": Decimal(str(cost.usd))})

    @activity.defn(name="send_email")
    async def send_email(self, request: SendEmail) -> Delivered:
        return await self._world.deliver(request.subject, request.key)

    @activity.defn(name="post_slack")
    async def post_slack(self, request: PostSlack) -> Delivered:
        return await self._world.deliver(request.text, request.key)

    @activity.defn(name="notify_team")
    async def notify_team(self, request: TeamNotice) -> Delivered:
        event = TITLES[request.title.partition(":")[0]]
        entry = (f"{request.team}: {event}", request.key)
        if entry not in self._world.told:
            self._world.told.append(entry)
        if event == "notice":
            await self._world.answered("probe")
        return Delivered(message_id="test")

    @activity.defn(name="emit_event")
    async def emit_event(self, request: EmitEvent) -> Emission:
        """The run itself gets what it waits for."""
        event, info, world = request.event, activity.info(), self._world
        world.see(event.type, event.id)
        await world.happen(world.next(event.type) or CaseAnswer())
        own, waits = info.workflow_id or "", Evaluation(RunFacts(id="", started_at=moment_of("")), {}, {}, {}, str)
        if not set(awaited_names(event.type, event.subject)) & set(awaited_events(world.plan, waits)):
            return Emission()
        await activity.client().get_workflow_handle(own).signal("event", event)
        return Emission(delivered=EventReceivers.of([own]))

    @activity.defn(name="find_reviewers")
    async def find_reviewers(self, request: FindReviewers) -> Reviewers:
        anybody = ("dana", "noor", "eve", "kim", "tester", "tester-2", "tester-3", "operator")
        people = self._world.trial.test.teams.get(request.team, anybody)
        members = tuple(Reviewer(reviewer=name, roles=("officer",)) for name in people)
        return Reviewers(team=request.team, roles=("officer",), members=members)

    @activity.defn(name="read_cache")
    async def read_cache(self, request: CacheRead) -> CacheFound:
        """What the run kept itself, or else an earlier one before it."""
        world, step = self._world, request.place.rpartition("/")[2]
        kept = world.cache.get((step, request.key))
        if kept is not None and kept[1] > activity.info().scheduled_time:
            return CacheFound(hit=True, value=kept[0])
        answers = world.given.get(step) or [CaseAnswer()]
        if not answers[0].cached:
            return CacheFound(hit=False)
        return CacheFound(hit=True, value=(world.next(step) or CaseAnswer()).output)

    @activity.defn(name="write_cache")
    async def write_cache(self, request: CacheWrite) -> Kept:
        until = activity.info().scheduled_time + timedelta(seconds=request.ttl_seconds)
        self._world.cache[request.place.rpartition("/")[2], request.key] = (request.value, until)
        return Kept(new=True)

    @activity.defn(name="find_definition")
    async def find_definition(self, request: FindDefinition) -> FoundDefinition:
        """A run that does what the test says: goes on, fails, or gives its outputs."""
        assert request.id == CHILD
        world, owner = self._world, activity.info().workflow_id
        answer = world.next("probe") or CaseAnswer()
        world.see("probe", f"{owner} {activity.info().activity_id.partition('/')[0]}")
        world.given[CHILD] = [answer]
        inner = {"service": "s", "method": CHILD, "params": {"owner": owner}}
        step: JsonObject = {"id": "inner", "type": "api", "config": cast("JsonObject", inner)}
        given: JsonValue = {} if answer.output is None else answer.output
        named = "outputs" if isinstance(given, dict) else "output"
        document: JsonObject = {"id": CHILD, "version": "1.0.0", "steps": [step], named: given}
        return FoundDefinition(request=make_request(document, digest(document), {}))
