"""Every history that a lane made, replayed by the code that made it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer

KEPT = Path(".towpath/bench/unreplayed")


@dataclass(slots=True)
class ReplayFigures:
    """How many histories were replayed, and why some could not be, by workflow id."""

    histories: int = 0
    problems: dict[str, str] = field(default_factory=dict[str, str])


async def replay_all(replayer: Replayer, handles: Sequence[WorkflowHandle[Any, Any]], figures: ReplayFigures) -> None:
    """Add these to the figures. A history that does not replay is kept as a file, to be looked into."""
    async with replayer.workflow_replay_iterator(_histories(handles)) as results:
        async for result in results:
            figures.histories += 1
            if result.replay_failure is not None:
                figures.problems[result.history.workflow_id] = str(result.replay_failure)
                KEPT.mkdir(parents=True, exist_ok=True)
                name = f"{result.history.workflow_id.replace('/', '-')}.json"
                (KEPT / name).write_text(result.history.to_json(), encoding="utf-8")


async def _histories(handles: Sequence[WorkflowHandle[Any, Any]]) -> AsyncGenerator[WorkflowHistory]:
    for handle in handles:
        yield await handle.fetch_history()
