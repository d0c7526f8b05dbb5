"""Steps that are one call: http, api, function, notify, emit, queue, and the run of another definition."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import cast

from pydantic import JsonValue, ValidationError
from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.process import DEAD_LETTER_QUEUE
from towpath.contracts.core.run import DeadLetter
from towpath.contracts.core.wire import EffectKey, JsonObject, canonical_digest, clip
from towpath.contracts.declared.http_call import HttpRequest, OperationCall
from towpath.contracts.declared.references import SecretPlace
from towpath.contracts.declared.run import (
    DeclaredFailure,
    DeclaredOutcome,
    DeclaredRequest,
    EmitEvent,
    FindDefinition,
    FunctionCall,
    ServiceCall,
)
from towpath.engine.expression.values import Value, as_json
from towpath.engine.language.http_step import HttpConfig
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.steps import StepCall
from towpath.engine.run.actions import Completed, Failed, Outcome
from towpath.engine.run.answers import output_of
from towpath.engine.run.awaited import emission_output, emitted
from towpath.engine.run.calling import operation_call
from towpath.engine.run.effects import READING
from towpath.engine.run.evaluation import StepError
from towpath.engine.run.paging import PageWalk
from towpath.engine.run.references import detach
from towpath.engine.run.sending import VARIANT
from towpath.functions.library import PURE
from towpath.temporal.attributes import search_key
from towpath.temporal.failures import failure_of
from workflows.declared.effects import EffectPlace
from workflows.declared.run import DeclaredRun, StepJob
from workflows.kit.calling import CallFailedError
from workflows.kit.notices import team_notice
from workflows.kit.options import CHECK, EFFECT, EMIT, FUNCTION, LOOKUP, NOTICE, Work

Config = dict[str, Value]


async def perform_call(job: StepJob) -> Outcome:
    """One call of a step, or of one of its items."""
    try:
        value, attempts = await CALLS[job.step.type](job)
    except CallFailedError as error:
        return Failed(error.failure, unknown=job.in_doubt)
    return Completed(value, attempts)


Called = Awaitable[tuple[Value, int]]


async def _http(job: StepJob) -> tuple[Value, int]:
    request = http_request(job.run, job.config, job.key, job.secrets)
    request = request.model_copy(update={"select": tuple(job.step.select)})
    base = _lasting(CHECK if request.method in READING else EFFECT, timedelta(seconds=request.timeout_seconds))
    paging = job.node.config.paging if isinstance(job.node.config, HttpConfig) else None
    if paging is not None:
        return await _pages(job, request, job.place(base), PageWalk(paging, job.run.evaluation, job.names))
    poll = cast("dict[str, str] | None", job.config.get("poll"))
    until = None if poll is None else workflow.now() + job.run.evaluation.duration(poll["for"], "poll.for")
    while True:
        with nullcontext() if request.method in READING else job.sending():
            answer = await job.run.effects.call_http(request, job.place(base))
        value = output_of(answer, request.output)
        if poll is None or until is None or job.run.evaluation.is_true(poll["until"], "poll.until", output=value):
            return value, answer.attempt
        pause = job.run.evaluation.duration(poll["every"], "poll.every")
        if workflow.now() + pause > until:
            message = "poll: the condition did not come true in time"
            raise CallFailedError(Failure(code=FailureCode.STEP_TIMEOUT, message=message))
        await workflow.sleep(pause, summary=f"{job.at}: before the next poll")


async def _pages(job: StepJob, request: HttpRequest, place: EffectPlace, pages: PageWalk) -> tuple[Value, int]:
    """One call a page: a worker that is lost has the page that was on its way read again, and no other."""
    while True:
        which = f"/{canonical_digest(dict(pages.query))[:VARIANT]}" if pages.number > 1 else ""
        key = EffectKey(f"{request.key}/page-{pages.number}{which}")
        asked = request.model_copy(update={"query": {**request.query, **pages.query}, "key": key})
        answer = await job.run.effects.call_http(asked, place)
        if not pages.take({"status": answer.status, "headers": dict(answer.headers), "body": answer.body}):
            return pages.output, answer.attempt


def _lasting(base: Work, wanted: timedelta) -> Work:
    """Work of which one attempt may take as long as the definition says. One that may last shares no activity."""
    if wanted <= base.start_to_close:
        return base
    return replace(base, short=False, start_to_close=wanted + timedelta(seconds=2))


def http_request(run: DeclaredRun, config: Config, key: EffectKey, secrets: tuple[str, ...]) -> HttpRequest:
    fields = ("url", "method", "headers", "query", "body", "auth", "expect", "connection", "output", "redirect")
    data, references = _detached({name: config[name] for name in fields if name in config}, secrets)
    seconds = run.evaluation.duration(config["timeout"], "timeout").total_seconds()
    return HttpRequest.model_validate({**data, "timeout_seconds": seconds, "key": key, "references": references})


def _detached(config: Value, secrets: tuple[str, ...]) -> tuple[JsonObject, tuple[SecretPlace, ...]]:
    """Raises CallFailedError."""
    try:
        return detach(config, secrets)
    except StepError as error:
        raise CallFailedError(error.failure) from error


async def _api(job: StepJob) -> tuple[Value, int]:
    request = _service_call(job.config, job.key, job.secrets).model_copy(update={"select": tuple(job.step.select)})
    with job.sending():
        answer = await job.run.effects.call_service(request, job.place(EFFECT))
    return answer.value, answer.attempt


def _service_call(config: Config, key: EffectKey, secrets: tuple[str, ...]) -> ServiceCall:
    params, references = _detached(config["params"], secrets)
    service, operation = config["service"], config["method"]
    return ServiceCall(service=service, operation=operation, params=params, references=references, key=key)


async def _openapi(job: StepJob) -> tuple[Value, int]:
    request = _operation_call(job.run, job.config, job.key, job.secrets)
    request = request.model_copy(update={"select": tuple(job.step.select)})
    with job.sending():
        answer = await job.run.effects.call_operation(request, job.place(EFFECT))
    return answer.value, answer.attempt


def _operation_call(run: DeclaredRun, config: Config, key: EffectKey, secrets: tuple[str, ...]) -> OperationCall:
    """Raises CallFailedError."""
    try:
        return operation_call(run.plan.definition.header, config, key, secrets)
    except StepError as error:
        raise CallFailedError(error.failure) from error


async def _function(job: StepJob) -> tuple[Value, int]:
    pure = PURE.get(job.config["handler"])
    if pure is not None:
        return pure(cast("Config", as_json(job.config["params"]))), 1
    request = _function_call(job.config, job.key, job.secrets).model_copy(update={"select": tuple(job.step.select)})
    base = FUNCTION
    if job.step.timeout is not None:
        base = _lasting(FUNCTION, job.run.evaluation.duration(job.step.timeout, "timeout", **job.names))
    with job.sending():
        answer = await job.run.effects.call_function(request, job.place(base))
    return answer.value, answer.attempt


def _function_call(config: Config, key: EffectKey, secrets: tuple[str, ...]) -> FunctionCall:
    params, references = _detached(config["params"], secrets)
    return FunctionCall(handler=config["handler"], params=params, references=references, key=key)


async def _set(job: StepJob) -> tuple[Value, int]:
    return job.config, 1


async def _notify(job: StepJob) -> tuple[Value, int]:
    notice = team_notice(job.config["target"], job.config["title"] or job.node.id, job.config["message"], job.key)
    with job.sending():
        told = await job.run.effects.notify(notice, job.place(NOTICE))
    return {"status": "delivered", "id": told.message_id}, told.attempt


async def _emit(job: StepJob) -> tuple[Value, int]:
    began = job.run.evaluation.moments.get(job.at, workflow.now())
    try:
        event = emitted(job.config, job.run.plan.definition.header.id, job.key, began)
    except StepError as error:
        raise CallFailedError(error.failure) from error
    with job.sending():
        emission = await job.run.effects.emit(EmitEvent(event=event), job.place(EMIT))
    return emission_output(event, emission), emission.attempt


async def _queue(job: StepJob) -> tuple[Value, int]:
    job.run.effects.set_attributes(search_key(DEAD_LETTER_QUEUE).value_set(job.config["queue"]))
    job.run.queued = job.config["queue"]
    return {"status": "queued", "id": job.config["queue"]}, 1


async def _workflow(job: StepJob) -> tuple[Value, int]:
    """A run of another published definition, as a child: cancelled with this run, unless nobody waits for it."""
    request = await _request(job)
    with job.sending():
        return await _run(job, request)


async def _run(job: StepJob, request: DeclaredRequest) -> tuple[Value, int]:
    try:
        child = await job.run.effects.start_run(
            request.model_copy(update={"earlier": job.run.inside.get(job.key)}),
            job.key,
            f"{job.config['id']}: {job.title}",
            outlives=not job.config["wait"],
        )
    except WorkflowAlreadyStartedError as error:
        message = f"the run {job.key} is open already"
        raise CallFailedError(Failure(code=FailureCode.CHILD_FAILED, message=clip(message), unknown=True)) from error
    if not job.config["wait"]:
        return {"id": child.id, "run_id": child.run_id}, 1
    try:
        result = await child.ended(lambda: job.run.why_cancelled(job.at))
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            if job.step.compensate is None:
                # A run that is cancelled undoes by itself what it did.
                job.run.doubts.clear(job.at, job.name)
            raise
        failed = failed_run(error.cause)
        if failed is not None and failed.sending is not None:
            job.run.inside[job.key] = failed.sending
        cause = failure_of(error.cause or error)
        message = f"the run {child.id} failed: {cause.message}"
        left = job.step.compensate is not None or not left_nothing(error.cause)
        raise CallFailedError(Failure(code=FailureCode.CHILD_FAILED, message=clip(message), unknown=left)) from error
    if result.outcome is DeclaredOutcome.REJECTED:
        message = f"the run {child.id} was rejected"
        left = job.step.compensate is not None or bool(result.not_undone)
        raise CallFailedError(Failure(code=FailureCode.CHILD_FAILED, message=message, unknown=left))
    return result.given, 1


def failed_run(cause: BaseException | None) -> DeclaredFailure | None:
    """What a run that failed tells beside its letter."""
    if not isinstance(cause, ApplicationError) or len(cause.details) < 2:
        return None
    try:
        return DeclaredFailure.model_validate(cause.details[1])
    except ValidationError:
        return None


def left_nothing(cause: BaseException | None) -> bool:
    """Whether a run that failed says that all it did is undone. One that was terminated says nothing."""
    letter = letter_of(cause)
    return letter is not None and not letter.not_undone


def letter_of(cause: BaseException | None) -> DeadLetter | None:
    """What a run that failed says of its end."""
    if not isinstance(cause, ApplicationError) or not cause.details:
        return None
    try:
        return DeadLetter.model_validate(cause.details[0])
    except ValidationError:
        return None


async def _request(job: StepJob) -> DeclaredRequest:
    """What starts the run. A definition that names itself runs the very version that is running."""
    own, header = job.run.request, job.run.plan.definition.header
    update = {"trigger": "workflow", "sinks": own.sinks}
    if job.config["id"] == header.id and job.config["version"] in {None, header.version}:
        kept: JsonObject = {"seed": {}, "resume": None, "redrive_of": None, "event": None, "items": {}}
        return own.model_copy(update={**update, **kept, "inputs": job.config["inputs"]})
    wanted = FindDefinition(id=job.config["id"], version=job.config["version"], inputs=job.config["inputs"])
    found = await job.run.effects.find_definition(wanted, job.place(LOOKUP))
    return found.request.model_copy(update=update)


CALLS: Mapping[str, Callable[[StepJob], Called]] = {
    "http": _http,
    "api": _api,
    "openapi": _openapi,
    "function": _function,
    "set": _set,
    "notify": _notify,
    "emit": _emit,
    "queue": _queue,
    "workflow": _workflow,
}


async def call_apart(
    run: DeclaredRun, node: PlanNode, part: StepCall, config: Config, name: str, base: Work
) -> JsonValue:
    """A call that belongs to a step without being it: its compensation, its check. Keyed by its own name and the run.

    Raises CallFailedError.
    """
    # A check asks anew in each run: an answer that was kept for its key would be that of the run before.
    run_id = workflow.info().run_id
    key = run.key(name if run_id in name else f"{name}/{run_id}")
    what = "did it happen?" if "check" in name.split("/")[1:] else "undo"
    secrets = run.evaluation.may_send(part.config)
    limit = part.timeout or (config.get("timeout") if part.type == "http" else None)
    if limit is not None:
        base = _lasting(base, run.evaluation.duration(limit, "timeout"))
    place = EffectPlace(name, f"{run.title(node.id)}: {what}", replace(base, terms=run.terms(node, {})))
    if part.type == "http":
        full: Config = {"method": "GET", "headers": {}, "query": {}, "body": None, "expect": None, "connection": None}
        request = http_request(run, {**full, "timeout": "10s", **config}, key, secrets)
        return output_of(await run.effects.call_http(request, place), request.output)
    config = {"params": {}, **config}
    if part.type == "api":
        return (await run.effects.call_service(_service_call(config, key, secrets), place)).value
    if part.type == "openapi":
        operation = _operation_call(run, config, key, secrets)
        return (await run.effects.call_operation(operation, place)).value
    return (await run.effects.call_function(_function_call(config, key, secrets), place)).value
