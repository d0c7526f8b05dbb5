"""A run in words: what it waits for, what failed, and what to do next. What its record does not say is unknown."""

from collections.abc import Iterator
from dataclasses import dataclass

from towpath.contracts.core.moments import in_utc
from towpath.contracts.core.run import DeadLetter, RunRecord, StepRecord, StepState


@dataclass(frozen=True, slots=True)
class Explained:
    """The words for people, and the commands that come next."""

    lines: tuple[str, ...]
    next: tuple[str, ...]


def explain(record: RunRecord, letter: DeadLetter | None = None, *, has_task: bool = False) -> Explained:
    """`letter` is why the run lies in a dead-letter queue; `has_task` tells that a person's decision is open."""
    lines = [_state(record), *_failures(record, letter), *_waits(record)]
    if record.cancelled is not None:
        lines.append(f"It was cancelled {record.cancelled.in_words}.")
    if record.ended_at is None and len(lines) == 1 and not record.paused:
        lines.append("What it waits for is unknown: its record does not say.")
    return Explained(tuple(lines), tuple(_next(record, letter, has_task=has_task)))


def _state(record: RunRecord) -> str:
    if record.ended_at is not None:
        return f"{record.workflow_id} ended at {in_utc(record.ended_at)} as {record.status}."
    paused = " People paused it: no further step starts." if record.paused else ""
    return f"{record.workflow_id} is {record.status} since {in_utc(record.started_at)}.{paused}"


def _failures(record: RunRecord, letter: DeadLetter | None) -> Iterator[str]:
    for step in record.steps:
        if step.failure is not None and step.state in {StepState.FAILED, StepState.DEGRADED}:
            went_on = "; the run went on without it" if step.state is StepState.DEGRADED else ""
            yield f"Step {_named(step)} failed: {step.failure.message} ({step.failure.code}){went_on}."
        elif step.state is StepState.RUNNING and step.attempts > 1:
            yield f"Step {_named(step)} is tried for the {step.attempts}. time{_note(step)}."
    if letter is not None:
        yield f"It lies in {letter.queue}, since step {letter.step} ended it: {letter.failure.message}."
        yield f"Undone: {', '.join(letter.undone) or 'nothing'}."
        if letter.not_undone:
            yield f"Still in place, or nobody knows: {', '.join(letter.not_undone)}. Look there first."


def _named(step: StepRecord) -> str:
    """With the visit of its cycle that it is in, after the first."""
    return step.step if step.visit == 1 else f"{step.step}, in visit {step.visit},"


def _note(step: StepRecord) -> str:
    return f": {step.note}" if step.note else ""


def _waits(record: RunRecord) -> Iterator[str]:
    if record.ended_at is not None:
        return
    told = False
    for step in record.steps:
        if step.waiting:
            told = True
            yield f"Step {_named(step)} {step.waits_for}, by {', '.join(one.who for one in step.waiting)}."
        elif step.state is StepState.RUNNING and step.attempts <= 1:
            told = True
            yield f"Step {_named(step)} is under way."
    if record.waiting is not None and not told:
        until = "" if record.waiting.until is None else f", until {in_utc(record.waiting.until)}"
        yield f"It waits for {record.waiting.what} by {record.waiting.who}{until}."


def _next(record: RunRecord, letter: DeadLetter | None, *, has_task: bool) -> Iterator[str]:
    if letter is not None:
        yield f"starter.py queue show {record.workflow_id}"
        yield f"starter.py runs redrive {record.workflow_id}"
        yield f"starter.py queue discard {record.workflow_id} --as NAME --reason WHY"
    elif record.ended_at is not None:
        yield f"starter.py runs result {record.workflow_id}"
    elif record.paused:
        yield f"starter.py resume {record.workflow_id} --as NAME"
    elif has_task:
        yield f"starter.py review show {record.workflow_id}"
    else:
        yield f"starter.py runs watch {record.workflow_id}"
