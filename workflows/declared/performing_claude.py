"""The claude step: asks within the run's budget, checks the answer against its schema, and asks again when it must."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

from pydantic import JsonValue

from activities.claude import ClaudeActivities
from towpath.contracts.core.claude import Answer, AskRequest, InlinePrompt, StopReason
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import JsonObject, clip
from towpath.engine.checks.inputs import violations
from towpath.engine.language.steps import ClaudeConfig
from towpath.engine.run.actions import Completed, Failed, Outcome
from workflows.declared.run import Job
from workflows.kit.asking import Conversation
from workflows.kit.calling import CallFailedError, call
from workflows.kit.options import CLAUDE, Work

LATER = timedelta(seconds=5)


@dataclass(slots=True)
class _Talk:
    """One question, and the notes of a web search that are to be put into its schema."""

    prompt: InlinePrompt
    given: JsonObject
    conversation: Conversation = field(default_factory=Conversation)


async def perform_claude(job: Job) -> Outcome:
    """The object of the output schema, or `{text}`. What it used is booked on the step, also when it failed."""
    config = job.node.config
    if not isinstance(config, ClaudeConfig):
        raise TypeError(job.node.id)
    given = job.config["input"]
    talk = _Talk(
        InlinePrompt(
            name=job.node.id,
            text=str(job.config["prompt"]),
            system=config.system,
            model=config.model,
            output_schema=cast("JsonObject | None", config.output_schema),
            max_tokens=config.max_tokens,
            effort=config.effort,
            web_search=config.web_search,
            temperature=config.temperature,
        ),
        given=cast("JsonObject", given) if isinstance(given, dict) else {} if given is None else {"value": given},
    )
    try:
        return await _answered(job, talk)
    except CallFailedError as error:
        return Failed(error.failure)


async def _answered(job: Job, talk: _Talk) -> Outcome:
    """Raises CallFailedError."""
    conversation = talk.conversation
    while True:
        answer = await _ask(job, talk)
        if answer.stop_reason is StopReason.PAUSE_TURN:
            again, problems = conversation.go_on(answer), ("it paused too often",)
        elif answer.stop_reason is StopReason.MAX_TOKENS:
            again = conversation.ask_larger(conversation.max_tokens or talk.prompt.max_tokens)
            problems = ("it is too long",)
        elif answer.web_search and talk.prompt.output_schema is not None:
            return await _answered(job, _structuring(talk, conversation.said + answer.text))
        else:
            output, problems = _read(talk.prompt, conversation.said + answer.text)
            if not problems:
                return Completed(output, conversation.calls)
            again = conversation.ask_again(conversation.said + answer.text, problems)
        if not again:
            raise CallFailedError(_invalid(problems, conversation.calls))


def _structuring(talk: _Talk, notes: str) -> _Talk:
    """A second question after a search: the API takes no schema together with one."""
    text = "Put these notes into the schema. Add nothing that they do not say."
    prompt = talk.prompt.model_copy(update={"text": text, "web_search": False})
    return _Talk(prompt, {"notes": notes}, Conversation(calls=talk.conversation.calls))


async def _ask(job: Job, talk: _Talk) -> Answer:
    left = job.run.steps.budget_left(job.run.budget)
    if left.usd <= 0 or left.tokens <= 0:
        raise CallFailedError(Failure(code=FailureCode.BUDGET_EXCEEDED, message="the run's budget is spent"))
    conversation = talk.conversation
    conversation.calls += 1
    request = AskRequest(
        prompt=talk.prompt.name,
        input=talk.given,
        inline=talk.prompt,
        turns=conversation.turns,
        max_tokens=conversation.max_tokens,
        budget_left=left,
    )
    number = conversation.calls
    suffix = "" if number == 1 else f"/ask-{number}"
    try:
        answer = await call(
            ClaudeActivities.ask,
            request,
            _work(job),
            activity_id=f"{job.name}{suffix}",
            summary=job.title if number == 1 else f"{job.title}: asked again ({number})",
        )
    except CallFailedError as error:
        job.run.steps.charge_failure(job.node.id, error.failure)
        raise
    job.run.steps.charge(job.node.id, answer)
    return answer


def _work(job: Job) -> Work:
    """The step's timeout is kept by the run: the activity, which gives up a little before its own, is given more."""
    work = job.run.work(job.step, CLAUDE)
    if job.step.timeout is None or work.schedule_to_close is None:
        return work
    whole = work.schedule_to_close + LATER
    return replace(work, schedule_to_close=whole, start_to_close=min(CLAUDE.start_to_close, whole))


def _read(prompt: InlinePrompt, text: str) -> tuple[JsonValue, tuple[str, ...]]:
    """The output, or what is wrong with it in sentences that Claude can act on."""
    if prompt.output_schema is None:
        return {"text": text}, ()
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None, ("the answer: it is not JSON",)
    return value, tuple(violations(prompt.output_schema, value)[:10])


def _invalid(problems: tuple[str, ...], calls: int) -> Failure:
    return Failure(
        code=FailureCode.CLAUDE_OUTPUT_INVALID,
        message=f"Claude's answer stayed invalid: {len(problems)} problems",
        attempts=calls,
        evidence={"first_problem": clip(problems[0], 60)},
    )
