"""Replays what tests made: every history of our workflow types on a watched server, before the server ends."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecution,
    WorkflowHandle,
    WorkflowHistory,
)
from temporalio.worker import Replayer

import worker
from towpath.assembly.rooms import workflow_name
from towpath.control.temporal import converter
from towpath.integrations.storage.codec import codec_of
from towpath.integrations.storage.payloads import PayloadStore
from towpath.temporal.places import EncryptionRule
from workflows.sandbox import runner

WORKFLOWS: tuple[type, ...] = tuple(chain.from_iterable(worker.WORKFLOWS.values()))
OURS = frozenset(map(workflow_name, WORKFLOWS))
LISTED_SECONDS = 30
"""How long a start may take until the server lists it."""
LOOK_SECONDS = 0.05
REPLAY_SECONDS = 120
"""A history of 50,000 events takes ten."""


class StartsSeen(Interceptor):
    """Remembers the ids that a client started: a list that lacks one of them is not complete yet."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _SeeStarts(next, self.ids)


class _SeeStarts(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, ids: set[str]) -> None:
        super().__init__(next)
        self._ids = ids

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        handle = await super().start_workflow(input)
        self._ids.add(input.id)
        return handle


@dataclass
class Watch:
    """One server's histories. `folder` takes those that do not replay; `pretended` are ids of runs that bear one of our
    types and are none of our code's.
    """

    client: Client
    folder: Path
    starts: StartsSeen
    payloads: str
    pretended: set[str] = field(default_factory=set[str])
    keys: dict[str, bytes] = field(default_factory=dict[str, bytes])
    rule: EncryptionRule = field(default_factory=EncryptionRule)
    _replayed: set[tuple[str, bool]] = field(default_factory=set[tuple[str, bool]])

    def learn(self, env: Mapping[str, str]) -> None:
        """Settings of a worker on this server: its keys and its payload store are needed to read its histories."""
        self.payloads = env.get("TOWPATH_PAYLOAD_STORE", self.payloads)
        for pair in filter(None, env.get("TOWPATH_ENCRYPTION_KEYS", "").split(",")):
            name, _, key = pair.partition(":")
            self.keys[name] = base64.b64decode(key)
        if env.get("TOWPATH_ENCRYPTION") == "require":
            since = env.get("TOWPATH_ENCRYPTION_SINCE")
            self.rule = EncryptionRule(required=True, since=datetime.fromisoformat(since) if since else None)

    async def check(self, *, again: bool = False) -> None:
        """Replay the runs that were not replayed since they ended; one that is open is replayed up to where it is.

        With `again`, those that were open before are replayed as they are now. Raises AssertionError.
        """
        due = [run for run in await self._listed() if self._due(run, again=again)]
        problems = await self._replay(due)
        self._replayed.update((run.run_id, run.close_time is not None) for run in due)
        assert not problems, "histories that this test made do not replay:\n" + "\n".join(problems)

    def _due(self, run: WorkflowExecution, *, again: bool) -> bool:
        closed = run.close_time is not None
        seen = (run.run_id, closed) in self._replayed
        return run.workflow_type in OURS and run.id not in self.pretended and (not seen or (again and not closed))

    async def _listed(self) -> list[WorkflowExecution]:
        """What the server lists, once it lists the same twice and all that this client started."""
        before: set[tuple[str, bool]] | None = None
        async with asyncio.timeout(LISTED_SECONDS):
            while True:
                runs = [run async for run in self.client.list_workflows("")]
                now = {(run.run_id, run.close_time is not None) for run in runs}
                if now == before and self.starts.ids <= {run.id for run in runs}:
                    return runs
                before = now
                await asyncio.sleep(LOOK_SECONDS)

    async def _replay(self, runs: Sequence[WorkflowExecution]) -> Sequence[str]:
        """A line for each run that does not replay."""
        problems: list[str] = []
        if not runs:
            return problems
        replayer = Replayer(
            workflows=WORKFLOWS,
            workflow_runner=runner(encryption=self.rule if self.keys else None),
            namespace=self.client.namespace,
            data_converter=converter(codec_of(self.keys, self.rule), PayloadStore(str(self.payloads))),
            build_id="replay",
        )
        types = {run.id: run.workflow_type for run in runs}
        async with (
            asyncio.timeout(REPLAY_SECONDS),
            replayer.workflow_replay_iterator(self._histories(runs)) as results,
        ):
            async for result in results:
                if result.replay_failure is not None:
                    name = result.history.workflow_id
                    kept = self._keep(result.history)
                    problems.append(f"{name} ({types[name]}): {result.replay_failure}; its history is {kept}")
        return problems

    async def _histories(self, runs: Sequence[WorkflowExecution]) -> AsyncIterator[WorkflowHistory]:
        """Those in which something was decided: a replayer waits for ever for the first decision of another one."""
        for run in runs:
            history = await self.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            if any(event.HasField("workflow_task_completed_event_attributes") for event in history.events):
                yield history

    def _keep(self, history: WorkflowHistory) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{history.workflow_id.replace('/', '_')}-{history.run_id}.json"
        written = {"workflow_id": history.workflow_id, "history": history.to_json_dict()}
        file.write_text(json.dumps(written, ensure_ascii=False, indent=1), encoding="utf-8")
        return file


_open: list[Watch] = []


@asynccontextmanager
async def watched(watch: Watch) -> AsyncGenerator[Watch]:
    """Histories of a server, from now on. All of them are replayed at the end of the block, unless it fails."""
    _open.append(watch)
    try:
        yield watch
    finally:
        _open.remove(watch)
    await watch.check(again=True)


async def check_all() -> None:
    """Replay what is new on every server that is watched now."""
    for watch in tuple(_open):
        await watch.check()
