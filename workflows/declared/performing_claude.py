"""The claude step: its question in the terms of the kit's conversation, and its answer by the step's schema."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import cast

from pydantic import JsonValue

from towpath.contracts.core.claude import AskRequest, InlinePrompt
from towpath.contracts.core.wire import JsonObject
from towpath.engine.language.steps import ClaudeConfig
from towpath.engine.run.actions import Completed, Failed, Outcome
from workflows.declared.run import StepJob
from workflows.kit.asking import Notes, Problems, Question
from workflows.kit.calling import CallFailedError
from workflows.kit.options import CLAUDE, Work
from workflows.kit.schemas import breaches

LATER = timedelta(seconds=5)


async def perform_claude(job: StepJob) -> Outcome:
    """The object of the output schema, or `{text}`. What it used is booked on the step, also when it failed."""
    config = job.node.config
    if not isinstance(config, ClaudeConfig):
        raise TypeError(job.node.id)
    given = job.config["input"]
    if not isinstance(given, dict):
        given = {} if given is None else {"value": given}
    prompt = InlinePrompt(
        name=job.node.id,
        text=str(job.config["prompt"]),
        system=config.system,
        model=config.model,
        output_schema=cast("JsonObject | None", config.output_schema),
        max_tokens=config.max_tokens,
        effort=config.effort,
        web_search=config.web_search,
    )
    try:
        return await _answered(job, prompt, cast("JsonObject", given))
    except CallFailedError as error:
        return Failed(error.failure)


async def _answered(job: StepJob, prompt: InlinePrompt, given: JsonObject, calls: int = 0) -> Outcome:
    """Raises CallFailedError."""
    question: Question[JsonValue] = Question(
        step=job.node.id,
        request=AskRequest(prompt=prompt.name, input=given, inline=prompt),
        max_tokens=prompt.max_tokens,
        read=lambda text: _read(prompt, text),
        failed=CallFailedError,
        place=job.name,
        again="/ask-",
        work=_work(job),
        wants_notes=prompt.output_schema is not None,
    )
    reply = await job.run.effects.ask_claude(question, job.run.steps, job.run.budget, calls)
    if not isinstance(reply, Notes):
        return Completed(reply.output, reply.calls)
    # A second question after a search: the API takes no schema together with one.
    text = "Put these notes into the schema. Add nothing that they do not say."
    structuring = prompt.model_copy(update={"text": text, "web_search": False})
    return await _answered(job, structuring, {"notes": reply.text}, reply.calls)


def _work(job: StepJob) -> Work:
    """The step's timeout is kept by the run: the activity, which gives up a little before its own, is given more."""
    work = job.work(CLAUDE)
    if job.step.timeout is None or work.schedule_to_close is None:
        return work
    whole = work.schedule_to_close + LATER
    return replace(work, schedule_to_close=whole, start_to_close=min(CLAUDE.start_to_close, whole))


def _read(prompt: InlinePrompt, text: str) -> tuple[JsonValue, Problems]:
    if prompt.output_schema is None:
        return {"text": text}, ()
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None, ("the answer: it is not JSON",)
    return value, tuple(breaches(prompt.output_schema, value)[:10])
