"""What a run sends for each step, so that the run that continues it sends the same bytes under the same key.

A config is made again from the same moment and the same uuids. When something else that it is made of has changed, what
may stand is sent as it was; what surely does not stand is sent as it is now, under a key of its own: its variant.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.declared.references import SecretPlace
from towpath.contracts.declared.within import Left, Sending, SentStep
from towpath.engine.checks.loading import digest
from towpath.engine.expression.values import Value
from towpath.engine.language.http_step import HttpConfig
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.reads import steps_read
from towpath.engine.run.actions import State
from towpath.engine.run.evaluation import Evaluation, StepError
from towpath.engine.run.references import attach, attach_old, config_digest, detach
from towpath.engine.run.within import basis_within

KEPT_BYTES = 16 * 1024
"""A larger config is not kept for the run that continues this one."""
ALL_KEPT_BYTES = 256 * 1024
"""So much of all of them: those of steps that were completed are kept last, since their outputs are kept as well."""
VARIANT = 12


@dataclass(frozen=True, slots=True)
class _Begun:
    """`config` is None where there are items; then the digest is known."""

    now: datetime
    config: dict[str, Value] | None = None
    digest: str = ""


class Sent:
    """Of one run. `variants` are the ends of keys, by step; in later visits of a cycle, by the step's name there."""

    def __init__(self) -> None:
        self._before: dict[str, SentStep] = {}
        self._begun: dict[str, _Begun] = {}
        self.variants: dict[str, str] = {}
        self.made_of: dict[str, str] = {}
        """Digests of what the items of a for_each are made of, but for pure ones."""
        self._is_redrive = False

    def take_over(self, steps: Mapping[str, SentStep], *, is_redrive: bool = False) -> None:
        """What the run sent that this one continues."""
        self._before, self._is_redrive = dict(steps), is_redrive
        self.variants.update({step: sent.variant for step, sent in steps.items() if sent.variant})

    def stood(self, step: str) -> bool:
        """Whether the run before has done it, or may have."""
        before = self._before.get(step)
        return before is not None and before.stands

    def config(self, node: PlanNode, evaluation: Evaluation) -> dict[str, Value]:
        """The config to begin a step with. Raises StepError."""
        if not evaluation.has_effect(node):
            self._ask_anew(node, evaluation)
            return evaluation.config(node)
        place = evaluation.place(node.id)
        before = self._before.get(place)
        evaluation.moments[place] = evaluation.now if before is None else before.now
        found = evaluation.config(node)
        if before is not None and config_digest(found) != before.digest:
            if not before.stands:
                evaluation.moments[place] = evaluation.now
                found = evaluation.config(node)
                self.variants[place] = config_digest(found)[:VARIANT]
            elif before.config is None:
                raise StepError(_changed())
            else:
                found = _again(before, before.config, found)
        self._begun[place] = _Begun(evaluation.moments[place], found)
        return found

    def items(self, node: PlanNode, evaluation: Evaluation) -> list[Value]:
        """What to do a step for each of. Their configs are made when their turn comes. Raises StepError."""
        loop = node.step.for_each if node.step is not None else None
        if loop is None:
            raise TypeError(node.id)
        if evaluation.is_pure(node):
            return evaluation.items(loop)
        if not evaluation.has_effect(node):
            self._ask_anew(node, evaluation)
            found = evaluation.items(loop)
            self.made_of[evaluation.place(node.id)] = digest(_basis(node, evaluation, found))
            return found
        place = evaluation.place(node.id)
        before = self._before.get(place)
        evaluation.moments[place] = evaluation.now if before is None else before.now
        found = evaluation.items(loop)
        made_of = self.made_of[place] = digest(_basis(node, evaluation, found))
        if before is not None and made_of != before.digest:
            if before.stands:
                raise StepError(_changed())
            evaluation.moments[place] = evaluation.now
            self.variants[place] = made_of[:VARIANT]
        self._begun[place] = _Begun(evaluation.moments[place], digest=made_of)
        return found

    def _ask_anew(self, node: PlanNode, evaluation: Evaluation) -> None:
        """In a redrive, what only reads asks under a key of its own: what it is made of may have changed, and an answer
        that was kept under the old key is that of then.
        """
        if self._is_redrive and isinstance(node.config, HttpConfig):
            place = evaluation.place(node.id)
            self.variants[place] = digest(f"{place} {evaluation.now.isoformat()}")[:VARIANT]

    def dump(self, states: Mapping[str, State], not_undone: list[str]) -> dict[str, SentStep]:
        """For `take_over`: of all steps that this run or one before it has begun to send."""
        found = dict(self._before)
        for step, begun in self._begun.items():
            config, references = _kept(begun.config)
            found[step] = SentStep(
                now=begun.now,
                digest=begun.digest or config_digest(begun.config),
                config=config,
                references=references,
                stands=self.stood(step),
                variant=self.variants.get(step, ""),
            )
        standing = {step: _standing(sent, states.get(step), left=step in not_undone) for step, sent in found.items()}
        left = ALL_KEPT_BYTES
        for step in sorted(standing, key=lambda step: states.get(step) is State.COMPLETED):
            left -= _size(standing[step].config)
            if left < 0:
                standing[step] = standing[step].model_copy(update={"config": None})
        return standing


def bounded(inside: dict[str, Sending]) -> dict[str, Sending]:
    """Of many failed runs of steps, the last ones: what is handed over must fit into a failure."""
    found: dict[str, Sending] = {}
    left = ALL_KEPT_BYTES
    for name, sending in reversed(inside.items()):
        left -= len(sending.model_dump_json())
        if left < 0:
            break
        found[name] = sending
    return found


def bounded_left(left: dict[str, Left]) -> dict[str, Left]:
    """What items leave, as far as it fits; of the others it is told that they stay."""
    found: dict[str, Left] = {}
    room = ALL_KEPT_BYTES
    for name, each in left.items():
        room -= len(each.model_dump_json())
        found[name] = each if room >= 0 else Left(stays=("",))
    return found


def _standing(sent: SentStep, state: State | None, *, left: bool) -> SentStep:
    stands = left or state is State.COMPLETED or (sent.stands and state is not State.UNDONE)
    return sent.model_copy(update={"stands": stands, "config": sent.config if stands else None})


def _again(before: SentStep, kept: JsonObject, made: dict[str, Value]) -> dict[str, Value]:
    """The config as it was sent."""
    return attach_old(kept, made) if before.references is None else attach(kept, before.references)


def _kept(config: dict[str, Value] | None) -> tuple[JsonObject | None, tuple[SecretPlace, ...]]:
    if config is None:
        return None, ()
    data, references = detach(config)
    return (data, references) if _size(data) <= KEPT_BYTES else (None, ())


def _size(config: dict[str, JsonValue] | None) -> int:
    return 0 if config is None else len(json.dumps(config))


def _basis(node: PlanNode, evaluation: Evaluation, items: list[Value]) -> JsonValue:
    """All that the configs of the items can be made of, but for the moment and the uuids."""
    if node.inner is not None:
        return {"items": items, **basis_within(node, evaluation)}
    names = evaluation.roots()
    outputs = cast("dict[str, JsonValue]", names["steps"])
    read = steps_read(node, set(outputs))
    steps = outputs if read is None else {step: outputs[step] for step in sorted(read)}
    written = cast("JsonValue", dict(node.written))
    errors: dict[str, JsonValue] = {"errors": dict(evaluation.errors)} if evaluation.errors else {}
    return {
        "items": items,
        "inputs": names["inputs"],
        "steps": steps,
        "event": names["event"],
        "config": written,
        **errors,
    }


def _changed() -> Failure:
    message = (
        "what it is made of has changed since it was sent, and that stands, or may: it is not sent otherwise under the "
        "same key, and not sent twice. Look whether it happened, and redrive with --set STEP=OUTPUT"
    )
    return Failure(code=FailureCode.STEP_INPUT, message=message, attempts=1, unknown=True)
