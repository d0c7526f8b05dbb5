"""The record of one run: its steps as they happen, what it waits for and costs, and how Temporal's UI shows it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception
from temporalio.types import MethodAsyncSingleParam

from towpath.contracts.core.claude import Answer, Budget, Usage
from towpath.contracts.core.failure import Failure
from towpath.contracts.core.process import RUNNING, STATUS, SearchAttribute
from towpath.contracts.core.run import SIGNS, Cancellation, Cost, RunRecord, StepRecord, StepState, Waiting
from towpath.contracts.core.text import clean
from towpath.contracts.core.wire import EffectKey, effect_key
from towpath.temporal.attributes import search_key
from workflows.kit.calling import ArgT, CallFailedError, ResultT, SelfT, call
from workflows.kit.children import asked_for
from workflows.kit.failing import StepFailedError
from workflows.kit.options import Work


class Steps:
    """Steps of one run, in the order of `titles` (step id to what a person reads)."""

    def __init__(self, process: str, titles: Mapping[str, str], redrive_of: str | None) -> None:
        self._process = process
        self._records = {step: StepRecord(step=step, title=title) for step, title in titles.items()}
        self._redrive_of = redrive_of
        self._status = RUNNING
        self._cost = Cost()
        self._began_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._stale = False
        self._lines: dict[str, dict[str, Waiting]] = {}
        """By step, of its calls that wait for the quota of a place."""
        self.cancelled: Cancellation | None = None
        """Who or what ended the run, once that is known."""

    def __getitem__(self, step: str) -> StepRecord:
        return self._records[step]

    def key(self, step: str) -> EffectKey:
        return effect_key(workflow.info().workflow_id, step)

    async def perform(
        self, step: str, activity: MethodAsyncSingleParam[SelfT, ArgT, ResultT], arg: ArgT, work: Work
    ) -> ResultT:
        """Run a step that is one activity. Raises StepFailedError; a cancellation is recorded and passes."""
        self.begin(step)
        try:
            told = replace(work, terms=replace(work.terms, tell=partial(self.wait_for_quota, step)))
            result = await call(activity, arg, told, activity_id=step, summary=self._records[step].title)
        except CallFailedError as error:
            raise self.failed(step, error.failure) from error
        except BaseException as error:
            if is_cancelled_exception(error):
                self.cancel(step)
            raise
        self.complete(step, attempts=result.attempt)
        return result

    def begin(self, step: str) -> None:
        self._set(step, state=StepState.RUNNING, started_at=workflow.now(), ended_at=None, failure=None)

    def repeat(self, step: str, visit: int) -> None:
        """The step is to be done once more; what it used so far stays."""
        nothing: dict[str, Any] = {"started_at": None, "ended_at": None, "failure": None, "cancelled": None, "note": ""}
        self._set(step, state=StepState.PENDING, visit=visit, attempts=0, waiting=(), **nothing)

    def complete(self, step: str, *, attempts: int = 1, note: str = "") -> None:
        self._end(step, StepState.COMPLETED, attempts=attempts, note=note)

    def keep(self, step: str) -> None:
        """The step was done by the run that this one redrives."""
        self._end(step, StepState.COMPLETED, attempts=0, note="kept from the run before")

    def degrade(self, step: str, note: str) -> None:
        self._end(step, StepState.DEGRADED, note=note)

    def skip(self, step: str, note: str = "") -> None:
        self._end(step, StepState.SKIPPED, note=note)

    def fail(self, step: str, failure: Failure) -> None:
        self._end(step, StepState.FAILED, attempts=failure.attempts, failure=failure, waiting=())

    def failed(self, step: str, failure: Failure) -> StepFailedError:
        """The step has failed, and this is to be raised: the run has no way on."""
        self.fail(step, failure)
        return StepFailedError(step, failure)

    def cancel(self, step: str, note: str = "", why: Cancellation | None = None) -> None:
        """Without a `why`, the run's own counts, if it was cancelled."""
        why = why or self._why()
        note = note or ("" if why is None else why.in_words)
        self._end(step, StepState.CANCELLED, note=note, cancelled=why, waiting=())

    def say_cancelled(self, step: str, why: Cancellation) -> None:
        """It was ended before it was done, whatever became of it then."""
        self._set(step, cancelled=why)

    def _why(self) -> Cancellation | None:
        return self.cancelled or (None if workflow.cancellation_reason() is None else asked_for())

    def undo(self, step: str) -> None:
        self._set(step, state=StepState.UNDONE, note="undone", ended_at=workflow.now())

    def remark(self, step: str, note: str) -> None:
        self._set(step, note=note)

    def charge(self, step: str, answer: Answer) -> None:
        """Add one answer of Claude to the step and to the run, with what its failed attempts used."""
        record = self._records[step]
        usage = _spent(answer) if record.usage is None else record.usage.plus(_spent(answer))
        cost = answer.cost_usd if record.cost_usd is None else record.cost_usd + (answer.cost_usd or 0)
        self._set(step, usage=usage, cost_usd=cost, provenance=answer.provenance, attempts=answer.attempt)
        self._cost = _add_answer(self._cost, answer)

    def charge_failure(self, step: str, failure: Failure) -> None:
        """Add what the attempts of a step that failed had used: it is billed all the same."""
        used = {name: failure.evidence.get(f"spent_{name}") for name in ("input_tokens", "output_tokens")}
        read, wrote = (value if isinstance(value, int) else 0 for value in used.values())
        if not read and not wrote:
            return
        usage, record = Usage(input_tokens=read, output_tokens=wrote), self._records[step]
        self._set(step, usage=usage if record.usage is None else record.usage.plus(usage))
        self._cost = self._cost.plus(Cost(calls=1, input_tokens=read, output_tokens=wrote, priced=False))

    def add_cost(self, step: str, cost: Cost) -> None:
        """Add what a part of the step cost in a run of its own."""
        record = self._records[step]
        if cost.calls:
            self._set(step, cost_usd=(record.cost_usd or 0) + cost.usd)
            self._cost = self._cost.plus(cost)

    def restore(self, cost: Cost, began_at: datetime, records: Iterable[StepRecord]) -> None:
        """Go on from what an earlier part of this run did, and cost."""
        self._cost = cost
        self._began_at = began_at
        self._records |= {record.step: record for record in records if record.step in self._records}

    def budget_left(self, budget: Budget) -> Budget:
        spent = self._cost.input_tokens + self._cost.output_tokens
        return Budget(usd=budget.usd - self._cost.usd, tokens=budget.tokens - spent)

    def status(self, status: str, *others: Any) -> None:
        """Set the run's status where people list runs; `others` are further search attribute updates."""
        self._status = status
        workflow.upsert_search_attributes([search_key(STATUS).value_set(status), *others])
        self._show()

    def mark(self, status: str) -> None:
        """What queries tell of a run that ends before it has begun."""
        self._status = status
        self._ended_at = workflow.info().start_time
        self._records = {}

    def introduce(self, wanted: Mapping[SearchAttribute[str], str]) -> None:
        """Set what the starter left out: runs are also started by services that know no search attributes."""
        known = workflow.info().typed_search_attributes
        keys = {search_key(attribute): value for attribute, value in wanted.items()}
        missing = [key.value_set(value) for key, value in keys.items() if known.get(key) != value]
        if missing:
            workflow.upsert_search_attributes(missing)

    def wait_in(self, step: str, waiting: tuple[Waiting, ...]) -> None:
        """What a step waits for now: the first of these that comes."""
        self._set(step, waiting=waiting)

    def wait_for_quota(self, step: str, call: str, what: Waiting | None) -> None:
        """What one call of the step waits for; None when it waits no more. Of several, the first is told."""
        lines = self._lines.setdefault(step, {})
        lines.pop(call, None)
        if what is not None:
            lines[call] = what
        first = next(iter(lines.values()), None)
        more = f" ({len(lines)} calls)" if len(lines) > 1 else ""
        self.wait_in(step, () if first is None else (first.model_copy(update={"what": f"{first.what}{more}"}),))

    def end(self, status: str, *others: Any) -> None:
        """Nothing is shown as running in a run that was cancelled."""
        if status == "cancelled":
            for record in list(self._records.values()):
                if record.state is StepState.RUNNING:
                    self.cancel(record.step)
        self._ended_at = workflow.now()
        self.status(status, *others)

    @property
    def cost(self) -> Cost:
        return self._cost

    def record(self) -> RunRecord:
        info = workflow.info()
        return RunRecord(
            process=self._process,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            status=self._status,
            started_at=self._began_at or info.start_time,
            ended_at=self._ended_at,
            steps=tuple(self._records.values()),
            waiting=self._first(),
            cost=self._cost,
            redrive_of=self._redrive_of,
            cancelled=self._why(),
        )

    def _first(self) -> Waiting | None:
        """Of what the steps wait for, what is due first; then what a step that has begun waits for."""
        records = sorted(self._records.values(), key=lambda record: record.state is StepState.PENDING)
        open_ = [waiting for record in records for waiting in record.waiting]
        due = [waiting for waiting in open_ if waiting.until is not None]
        return min(due, key=lambda waiting: cast("datetime", waiting.until)) if due else next(iter(open_), None)

    def _end(self, step: str, state: StepState, **fields: Any) -> None:
        record = self._records[step]
        started = record.started_at or workflow.now()
        self._set(step, state=state, started_at=started, ended_at=workflow.now(), **fields)

    def _set(self, step: str, **fields: Any) -> None:
        self._records[step] = self._records[step].model_copy(update=fields)
        self._show()

    def _show(self) -> None:
        """Once for all that changes at a time: with many steps, the text is long."""
        # A run that is dropped from a worker's memory unwinds its waits outside of the workflow.
        if not self._stale and workflow.in_workflow():
            self._stale = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._stale = False
        workflow.set_current_details(_markdown(self._status, self._records.values()))


def _markdown(status: str, records: Iterable[StepRecord]) -> str:
    return "\n\n".join((f"**{clean(status)}**", *map(_line, records)))


def _line(record: StepRecord) -> str:
    extra = record.waits_for or record.note or (record.failure.message if record.failure is not None else "")
    return clean(f"{SIGNS[record.state]} {record.title}" + (f": {extra}" if extra else ""))


def _spent(answer: Answer) -> Usage:
    return answer.usage if answer.spent_before is None else answer.usage.plus(answer.spent_before)


def _add_answer(cost: Cost, answer: Answer) -> Cost:
    spent = _spent(answer)
    model = answer.provenance.model
    return Cost(
        usd=cost.usd + (answer.cost_usd or 0),
        calls=cost.calls + spent.calls,
        input_tokens=cost.input_tokens + spent.input_tokens,
        output_tokens=cost.output_tokens + spent.output_tokens,
        priced=cost.priced and answer.cost_usd is not None,
        models=cost.models if model in cost.models else (*cost.models, model),
    )
