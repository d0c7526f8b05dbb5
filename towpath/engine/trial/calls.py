"""Steps that call something, in memory: each attempt gets the next answer of the test, by the rules of the engine."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from towpath.contracts.core.failure import CallFailedError, DeliveryError, Failure, FailureCode
from towpath.contracts.declared.run import Emission, EventReceivers
from towpath.engine.checks.inputs import violations
from towpath.engine.expression.values import Value
from towpath.engine.language.definition import CaseAnswer
from towpath.engine.language.http_step import HttpConfig, OpenApiConfig, Paging
from towpath.engine.language.shapes import as_object
from towpath.engine.language.steps import ClaudeConfig
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.engine.run.answers import has_status, selected_output
from towpath.engine.run.awaited import emission_output, emitted
from towpath.engine.run.delivering import Sent, check_texts, delivered, delivery, named_channels, not_delivered
from towpath.engine.run.effects import READING
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.paging import PageWalk
from towpath.engine.run.selecting import pick
from towpath.engine.run.statuses import failure_of_status, is_accepted
from towpath.engine.run.trying import CALL, TRIES, Trying, is_long_lived, own_retry, told_trying
from towpath.engine.trial.examples import example_output
from towpath.engine.trial.run import TrialJob
from towpath.engine.trial.script import failure_by, length_of
from towpath.engine.trial.virtual import WithdrawnError

LATE = "it timed out in the test"
REASKS = 2
"""How often Claude is asked again for an answer that fits its schema."""
TIMED_OUT = {
    "http": FailureCode.SERVICE_TIMEOUT,
    "api": FailureCode.SERVICE_TIMEOUT,
    "openapi": FailureCode.SERVICE_TIMEOUT,
    "claude": FailureCode.CLAUDE_TIMEOUT,
    "notify": FailureCode.DELIVERY_UNAVAILABLE,
    "multi-channel": FailureCode.DELIVERY_UNAVAILABLE,
}
"""What a call says whose own limit passed; another one is ended from outside."""


@dataclass(slots=True)
class Turns:
    """The answers to one call by the number of the attempt: channels that are sent together share them."""

    job: TrialJob
    given: dict[int, CaseAnswer | None] = field(default_factory=dict[int, CaseAnswer | None])

    def of(self, attempt: int) -> CaseAnswer | None:
        if attempt not in self.given:
            self.given[attempt] = self.job.run.script.next(self.job.node.id)
        return self.given[attempt]


async def perform_call(job: TrialJob) -> Outcome:
    """One call of a step, or of one of its items. Raises StepError."""
    try:
        value, attempts = await CALLS.get(job.step.type, _call)(job)
    except CallFailedError as error:
        return Failed(error.failure, unknown=job.in_doubt)
    return Completed(value, attempts)


async def _call(job: TrialJob) -> tuple[Value, int]:
    """A call with one answer. A function that is computed in the run sends nothing, also when a test answers for it."""
    is_sent = job.run.evaluation.has_effect(job.node)
    with job.sending() if is_sent else nullcontext():
        answer, attempts = await _tried(job, job.name if is_sent else "", Turns(job))
    output, given = output_of(job, answer), job.node.config
    if isinstance(given, OpenApiConfig):
        return selected_output(output, given.output or "body", job.step.select), attempts
    return pick(output, job.step.select), attempts


async def _http(job: TrialJob) -> tuple[Value, int]:
    given = job.node.config
    if not isinstance(given, HttpConfig):
        raise TypeError(job.node.id)
    if given.paging is not None:
        return await _pages(job, given.paging)
    evaluation, poll = job.run.evaluation, cast("dict[str, str] | None", job.config.get("poll"))
    until = None if poll is None else job.run.time.now + evaluation.duration(poll["for"], "poll.for")
    name = job.name
    while True:
        with nullcontext() if given.method in READING else job.sending():
            answer, attempts = await _tried(job, name, Turns(job))
        name = ""
        value = selected_output(output_of(job, answer), given.output, job.step.select)
        if poll is None or until is None or answer is None:
            return value, attempts
        if not answer.timeout and job.run.evaluation.is_true(poll["until"], "poll.until", output=value):
            return value, attempts
        pause = job.run.evaluation.duration(poll["every"], "poll.every")
        if job.run.time.now + pause > until:
            message = "poll: the condition did not come true in time"
            raise CallFailedError(Failure(code=FailureCode.STEP_TIMEOUT, message=message))
        await job.run.time.wait_for(pause)


async def _pages(job: TrialJob, paging: Paging) -> tuple[Value, int]:
    """An answer for each page; without any, there is one page with nothing on it."""
    pages = PageWalk(paging, job.run.evaluation, job.names)
    while True:
        job.run.send(job.name, again=True)
        answer, attempts = await _tried(job, "", Turns(job))
        if answer is None:
            return output_of(job, answer), attempts
        if not pages.take(output_of(job, answer)):
            return pages.output, attempts


async def perform_claude(job: TrialJob) -> Outcome:
    """Asked again for an answer that does not fit its schema, as in a conversation."""
    given = job.node.config
    if not isinstance(given, ClaudeConfig):
        raise TypeError(job.node.id)
    try:
        for asked in range(1, REASKS + 2):
            job.run.spending.check()
            job.run.send(job.name, again=True)
            answer, _ = await _tried(job, "", Turns(job))
            job.run.spending.book(None if answer is None else answer.cost)
            output = output_of(job, answer)
            if answer is None or given.output_schema is None or not violations(given.output_schema, output):
                return Completed(output, asked)
    except CallFailedError as error:
        return Failed(error.failure)
    message = "Claude's answer stayed invalid: it does not fit the output schema"
    return Failed(Failure(code=FailureCode.CLAUDE_OUTPUT_INVALID, message=message, attempts=REASKS + 1))


async def perform_channels(job: TrialJob) -> Outcome:
    """One message to each channel; `delivery` says what comes of it."""
    turns = Turns(job)
    first = turns.of(1)
    if first is not None and first.output is not None:
        await job.run.time.wait_for(length_of(first.after))
        return Completed(first.output)
    channels = named_channels(job.config["channels"])
    strands = {name: job.run.time.start(_channel(job, name, fields, turns)) for name, fields in channels.items()}
    try:
        await job.run.time.until(lambda: all(strand.done for strand in strands.values()))
    finally:
        for strand in strands.values():
            strand.close()
    told = {name: strand.result() for name, strand in strands.items()}
    sent = job.run.doubts.told(job.at) if job.index is None else ""
    return delivery(job.config["require"], told, sent, unknown=job.in_doubt)


async def _channel(job: TrialJob, name: str, fields: dict[str, Any], turns: Turns) -> Sent:
    place = f"{job.name}/{name}"
    try:
        with job.sending(place):
            check_texts(name, fields)
            _, attempts = await _tried(job, place, turns, name)
    except CallFailedError as error:
        return not_delivered(error.failure)
    except DeliveryError as error:
        return not_delivered(error.failure(1))
    return delivered("test", attempts)


async def _notify(job: TrialJob) -> tuple[Value, int]:
    job.run.notify(job.name, job.config["target"])
    with job.sending():
        answer, attempts = await _tried(job, "", Turns(job))
    return output_of(job, answer), attempts


async def _emit(job: TrialJob) -> tuple[Value, int]:
    """The run gets its own event where it waits for it. Who else does, and what it starts, is not known here."""
    run, name = job.run, job.run.plan.definition.header.id
    try:
        event = emitted(job.config, name, f"{name}/test/{job.name}", run.evaluation.moments.get(job.at, run.time.now))
    except StepError as error:
        raise CallFailedError(error.failure) from error
    with job.sending():
        answer, attempts = await _tried(job, job.name, Turns(job))
    delivered = EventReceivers.of(run.deliver(event))
    if answer is not None and "output" in answer.model_fields_set:
        return answer.output, attempts
    return emission_output(event, Emission(delivered=delivered)), attempts


async def _queue(job: TrialJob) -> tuple[Value, int]:
    job.run.result.queue = job.config["queue"]
    return {"status": "queued", "id": job.config["queue"]}, 1


async def _set(job: TrialJob) -> tuple[Value, int]:
    answer = job.run.script.next(job.node.id)
    if answer is not None and answer.fail is not None:
        raise CallFailedError(failure_by(answer.fail, "it failed in the test"))
    return (answer.output if answer is not None and "output" in answer.model_fields_set else job.config), 1


async def _workflow(job: TrialJob) -> tuple[Value, int]:
    """A run of another definition is begun once. One that failed says of itself whether anything of it stays."""
    job.run.send(job.name)
    answer = job.run.script.next(job.node.id)
    try:
        with job.sending():
            await job.run.time.turn()
            await job.run.time.wait_for(length_of(None if answer is None else answer.after))
            if answer is not None and answer.timeout:
                await job.run.time.until(lambda: False)
            if answer is not None and answer.fail is not None:
                left = job.step.compensate is not None
                message = f"the run failed: {answer.fail} in the test"
                raise CallFailedError(Failure(code=FailureCode.CHILD_FAILED, message=message, unknown=left))
    except WithdrawnError:
        if job.step.compensate is None:
            # A run that is cancelled undoes by itself what it did.
            job.run.doubts.clear(job.at, job.name)
        raise
    return output_of(job, answer), 1


CALLS: Mapping[str, Callable[[TrialJob], Awaitable[tuple[Value, int]]]] = {
    "http": _http,
    "notify": _notify,
    "emit": _emit,
    "queue": _queue,
    "set": _set,
    "workflow": _workflow,
}
"""By step type; any other one is a call with one answer."""


def output_of(job: TrialJob, answer: CaseAnswer | None) -> Value:
    """What the test says, else an example."""
    is_said = answer is not None and "output" in answer.model_fields_set
    return answer.output if answer is not None and is_said else example_output(job.node, job.run.time.now)


async def _tried(job: TrialJob, name: str, turns: Turns, channel: str = "") -> tuple[CaseAnswer | None, int]:
    """Attempts of one call until one is answered. Raises CallFailedError, StepError."""
    if name:
        job.run.send(name)
    trying, whole = _trying(job)
    attempt, unknown = 1, False
    while True:
        answer = turns.of(attempt)
        failure = await _attempt(job, answer, whole, channel)
        if failure is None:
            return answer, attempt
        unknown = unknown or failure.unknown
        wait = trying.wait_after(failure, attempt)
        is_over = whole is not None and job.run.time.now + wait >= whole
        if is_over or not trying.goes_on(failure, attempt):
            raise CallFailedError(failure.model_copy(update={"attempts": attempt, "unknown": unknown}))
        await job.run.time.wait_for(wait)
        attempt += 1


def _trying(job: TrialJob) -> tuple[Trying, datetime | None]:
    """How often it is tried, and until when its time-out bounds all attempts together."""
    handling = job.run.plan.definition.header.error_handling
    evaluation = job.run.evaluation
    trying = told_trying(TRIES.get(job.step.type, CALL), own_retry(job.step, handling), evaluation)
    if job.step.check is not None:
        # Its outcome may be unknown: the check is asked before any second attempt.
        trying = replace(trying, attempts=1)
    if job.step.timeout is None or is_long_lived(job.step, job.config):
        return trying, None
    return trying, job.run.time.now + evaluation.duration(job.step.timeout, "timeout")


async def _attempt(job: TrialJob, answer: CaseAnswer | None, whole: datetime | None, channel: str) -> Failure | None:
    """Why one attempt failed, if it did. A time that the definition does not limit may be as long as the test says."""
    time = job.run.time
    await time.turn()
    taken = length_of(None if answer is None else answer.after)
    limit = _limit(job)
    is_late = answer is not None and answer.timeout and job.config.get("poll") is None
    if limit is not None and (is_late or taken > limit) and (whole is None or time.now + limit < whole):
        await time.wait_for(limit)
        return failure_by(TIMED_OUT.get(job.step.type, FailureCode.STEP_TIMEOUT), LATE)
    if whole is not None and (is_late or time.now + taken > whole):
        await time.wait_until(whole)
        return failure_by(FailureCode.STEP_TIMEOUT, LATE)
    if is_late and is_long_lived(job.step, job.config) and job.step.timeout is not None:
        await time.until(lambda: False)
    await time.wait_for(taken)
    if is_late:
        return failure_by(TIMED_OUT.get(job.step.type, FailureCode.STEP_TIMEOUT), LATE)
    if answer is None:
        return None
    code = answer.channels.get(channel, answer.fail)
    return _refusal(job, answer.output) if code is None else failure_by(code, "it failed in the test")


def _limit(job: TrialJob) -> timedelta | None:
    """How long one attempt may take, where the definition says so."""
    given = job.node.config
    if not isinstance(given, HttpConfig) or "timeout" not in given.model_fields_set:
        return None
    return job.run.evaluation.duration(given.timeout, "timeout")


def _refusal(job: TrialJob, output: Value) -> Failure | None:
    """What the status of an answer to an http step means."""
    given, status = job.node.config, (as_object(output) or {}).get("status")
    if not isinstance(given, HttpConfig) or not has_status(given.output) or not isinstance(status, int):
        return None
    expect = None if given.expect is None else tuple(given.expect)
    return None if is_accepted(status, expect) else failure_of_status(status)
