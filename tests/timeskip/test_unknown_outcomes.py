"""Whatever the attempts of an effect come to: when its run has failed or is cancelled nothing of it stands untold.

Samples of all step types with an effect, times all short sequences of attempts, with and without check and undo. The
receiver of the effects counts by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from secrets import randbelow
from typing import TypeVar

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from tests.fakes.receiver import ENDS, LOST, Receiver
from tests.timeskip.declared import Handle, Runs, record, serve
from tests.waiting import until
from towpath.contracts.core.run import RunRecord

ChoiceT = TypeVar("ChoiceT")
SAMPLES = 48
KINDS = {
    "api": "type: api, config: {service: s, method: act}",
    "http": 'type: http, config: {url: "https://a.example", method: POST, body: {n: 1}}',
    "function": "type: function, config: {handler: act}",
    "notify": "type: notify, config: {target: ops-team, message: hello}",
    "multi-channel": "type: multi-channel, config: {channels: "
    '[{slack: {channel: "#c", message: m}}, {crm: {action: update, reference: r, status: s}}]}',
    "for-each": "type: api, for_each: {times: 2, concurrency: 1}, config: {service: s, method: act}",
}
CHECK = 'check: {type: api, config: {service: s, method: look, params: {of: %s}}, done: "output.found"}'
UNDO = "compensate: {type: api, config: {service: s, method: undo}}"
THINGS = {"for-each": '"act/{{ index }}"', "multi-channel": "act/slack"}
INSIDE = """
  - id: which
    type: condition
    config:
      if: inputs.inner
      then: [{leaf}]
      else: [{{id: sub, type: workflow, config: {{id: tried, inputs: {{inner: true}}}}{outer}}}]
"""


@dataclass(frozen=True)
class Sample:
    """One run: what its step is, what the attempts come to, and how the run ends."""

    kind: str
    script: tuple[str, ...]
    check: bool
    undo: bool
    nested: bool
    cancelled: bool

    @property
    def steps(self) -> str:
        more = [CHECK % THINGS.get(self.kind, "act")] if self.check else []
        own = [*more, UNDO] if self.undo and not self.nested else more
        retry = f"retry: {{max_attempts: {len(self.script)}, initial: 1s, max: 1s}}"
        act = "{id: act, " + ", ".join([KINDS[self.kind], retry, *own]) + "}"
        end = (
            "type: wait, config: {event: never}" if self.cancelled else "type: api, config: {service: s, method: boom}"
        )
        end = f'{{id: end, when: "inputs.inner == false", {end}}}'
        if self.nested:
            act = INSIDE.format(leaf=act, outer=f", {UNDO}" if self.undo else "")
            return f"{act}  - {end}\n"
        return f"  - {act}\n  - {end}\n"


class Draws:
    """Choices that a seed decides."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def choice(self, options: Sequence[ChoiceT]) -> ChoiceT:
        self._drawn += 1
        digest = sha256(f"{self._seed}/{self._drawn}".encode()).digest()
        return options[int.from_bytes(digest[:4], "big") % len(options)]


def sample(draws: Draws, *, cancelled: bool) -> Sample:
    """A script of one to three attempts, of which only the last one may end it."""
    again = sorted(LOST.keys() - ENDS)
    held = ["held before it", "held after it", "answered"]
    last = held if cancelled else sorted(LOST.keys() - set(held[:2]))
    script = (*(draws.choice(again) for _ in range(draws.choice((0, 1, 2)))), draws.choice(last))
    check, undo, nested = (draws.choice(options) for options in ((True, False), (True, False), (True, *[False] * 4)))
    return Sample(draws.choice(sorted(KINDS)), script, check, undo, nested, cancelled)


@pytest_asyncio.fixture(loop_scope="session")
async def runs(env: WorkflowEnvironment) -> AsyncIterator[Runs]:
    async with serve(env, Receiver()) as serving:
        yield serving


async def ended(runs: Runs, given: Sample, name: str) -> Handle:
    """A run of the sample that has ended."""
    receiver = runs.services
    assert isinstance(receiver, Receiver)
    receiver.scripts[name] = list(given.script)
    inner = "inputs: {inner: {type: boolean, default: false}}"
    handle = await runs.start(given.steps, skipping=not given.cancelled, more=inner, name=name)
    if given.cancelled:
        # A check that finds the effect spares the attempt that would be held.
        held = receiver.reached[name]
        await until(lambda: record(handle), lambda found: held.is_set() or found.steps[-1].state == "running")
        await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return handle


def untold(record: RunRecord, step: str) -> bool:
    """Whether the record lets a reader think that the step left nothing."""
    found = next(entry for entry in record.steps if entry.step == step)
    return found.state != "completed" and not found.note.startswith("not undone")


async def problems(runs: Runs, given: Sample, number: int, seed: int) -> list[str]:
    """What is wrong at the end of one run."""
    name = f"tried/{seed}-{number}-{'cancelled' if given.cancelled else 'failed'}"
    handle = await ended(runs, given, name)
    receiver = runs.services
    assert isinstance(receiver, Receiver)
    standing, asked = receiver.standing[name], receiver.asked[name]
    steps = [(await record(handle), "sub" if given.nested else "act")]
    if given.nested:
        leaf = runs.env.client.get_workflow_handle(f"{name}/sub")
        steps.append((await leaf.query("status", result_type=RunRecord), "act"))
    found: list[str] = []
    if standing and all(untold(*entry) for entry in steps):
        found.append(f"{sorted(standing)} stands untold")
    if standing and given.undo:
        found.append(f"{sorted(standing)} stands, though it has an undo")
    nothing = set(given.script) <= {"never sent", "refused"} and given.kind in {"api", "http", "function", "notify"}
    if nothing and ("undo" in asked or not all(untold(*entry) for entry in steps)) and not given.nested:
        found.append("it is certain that nothing happened, and that is not what is said")
    return [f"{given}: {problem}; asked: {asked}" for problem in found]


async def test_nothing_stands_untold(runs: Runs, record_property: Callable[[str, object], None]) -> None:
    """No effect stays in a run that failed or was cancelled without its record saying so, and none that has an undo."""
    seed = randbelow(1_000_000)
    record_property("seed", seed)
    draws = Draws(seed)
    failing = [sample(draws, cancelled=False) for _ in range(SAMPLES)]
    found = await asyncio.gather(*(problems(runs, given, number, seed) for number, given in enumerate(failing)))
    with runs.env.with_time_skipping_disabled():
        stopped = [sample(draws, cancelled=True) for _ in range(SAMPLES // 2)]
        more = await asyncio.gather(*(problems(runs, given, number, seed) for number, given in enumerate(stopped)))
    told = [problem for problems_ in (*found, *more) for problem in problems_]
    assert not told, "\n".join([f"seed {seed}", *told])
