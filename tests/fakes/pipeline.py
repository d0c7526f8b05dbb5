"""The world of a pipeline as one fake: the real data plane, in this process, with scripted people and Claude."""

import asyncio
import json
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from temporalio import activity

from activities.pipeline import PipelineActivities
from tests.fakes.house import FakeHouse, answered
from towpath.contracts.core.claude import Answer, AskRequest
from towpath.contracts.core.wire import ActivityResult, Wire
from towpath.contracts.pipeline.plane import TaskProgress
from towpath.contracts.pipeline.quality import ValidationAnswer
from towpath.contracts.pipeline.transformation import Proposal, ProposedOperation
from towpath.dataplane.core.connections import DataConnection
from towpath.dataplane.core.store import DatasetStore
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.tasks import TASKS
from towpath.integrations.storage.artefacts import ArtefactStore
from towpath.standins.claude.answer import drafted
from towpath.standins.claude.identity import MODEL as STAND_IN

ResultT = TypeVar("ResultT", bound=ActivityResult)
NO_REMARKS = ValidationAnswer(issues=[]).model_dump_json()


def proposed(*operations: dict[str, Any], unresolved: tuple[str, ...] = ()) -> str:
    """A proposal of these operations, as Claude's text."""
    listed = [
        ProposedOperation(op=one["op"], arguments=json.dumps({name: one[name] for name in one if name != "op"}))
        for one in operations
    ]
    return Proposal(operations=listed, unresolved=[*unresolved]).model_dump_json()


@dataclass
class FakePipelines:
    """`house.faults[task]` are raised in turn by the task of that name, and `house.answers[prompt]` are Claude's texts.

    Without an answer Claude proposes what the stand-in does, under the stand-in's name, and remarks nothing.
    """

    root: Path
    house: FakeHouse = field(default_factory=FakeHouse)
    tasks: list[tuple[str, Wire]] = field(default_factory=list[tuple[str, Wire]])
    held: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    entered: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    lost: set[str] = field(default_factory=set[str])
    """Tasks whose faults come after they are done: their answers are lost."""
    connections: dict[str, DataConnection] = field(default_factory=dict[str, DataConnection])
    process: threading.Lock = field(default_factory=threading.Lock)
    """A process of the data plane does one task at a time."""

    @property
    def store(self) -> DatasetStore:
        return DatasetStore(str(self.root / "store"))

    def activities(self) -> Sequence[Callable[..., Any]]:
        own = PipelineActivities(self, ArtefactStore(str(self.root / "artefacts")))
        tasks = [getattr(own, name) for name in TASKS if hasattr(own, name)]
        return (*tasks, self.house.notify_team, self.house.find_reviewers)

    async def run(
        self, task: str, request: Wire, result: type[ResultT], tell: Callable[[TaskProgress], None]
    ) -> ResultT:
        del tell
        self.tasks.append((task, request))
        self.entered[task].set()
        if task in self.held:
            await self.held[task].wait()
        fault = self.house.faults[task].pop(0) if self.house.faults[task] else None
        if fault is not None and task not in self.lost:
            raise fault
        done = await asyncio.to_thread(self._perform, task, request)
        if fault is not None:
            raise fault
        return result.model_validate(done.model_dump(mode="json"))

    @activity.defn(name="ask")
    async def ask(self, request: AskRequest) -> Answer:
        await self.house.enter("ask", request)
        if self.house.answers[request.prompt]:
            answer = self.house.answers[request.prompt].pop(0)
            return answer if isinstance(answer, Answer) else answered(request.prompt, answer)
        if request.prompt == "validate-sample":
            return answered(request.prompt, NO_REMARKS)
        answer = answered(request.prompt, json.dumps(drafted("Proposal", request.input)))
        return answer.model_copy(update={"provenance": answer.provenance.model_copy(update={"model": STAND_IN})})

    def asked(self, prompt: str = "propose-transformation") -> list[AskRequest]:
        return [request for request in self.house.asked("ask") if request.prompt == prompt]

    def done(self, task: str) -> list[Any]:
        """The requests of a task, in their order."""
        return [request for name, request in self.tasks if name == task]

    def notices(self) -> list[str]:
        """What people were told about, without the names."""
        return [notice.title.partition(":")[0] for notice in self.house.asked("notify_team")]

    def hold(self, task: str) -> asyncio.Event:
        """The task stands still until the event is set."""
        self.held[task] = asyncio.Event()
        return self.held[task]

    def workspace(self) -> Workspace:
        folder = self.root / "scratch" / uuid4().hex
        folder.mkdir(parents=True)
        return Workspace(store=self.store, folder=folder, connections=self.connections)

    def _perform(self, task: str, request: Wire) -> ActivityResult:
        work = self.workspace()
        try:
            with self.process:
                return TASKS[task].run(TASKS[task].request.model_validate(request.model_dump(mode="json")), work)
        finally:
            shutil.rmtree(work.folder)
