"""What the lanes share: CPU and memory of a process, percentiles, and the account of a history."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from temporalio.client import WorkflowHandle


@dataclass(frozen=True, slots=True)
class Load:
    """What one process used between two readings. CPU in seconds."""

    cpu_seconds: float
    peak_rss_mb: float


class Meter:
    """CPU and memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._start = self._cpu()

    def rss_mb(self) -> float:
        return self._process.memory_info().rss / 1024**2

    def read(self) -> Load:
        return Load(self._cpu() - self._start, peak_rss_mb(self._process.pid))

    def _cpu(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def peak_rss_mb(pid: int) -> float:
    """The kernel's high-water mark where there is one (Linux), else what is held now."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return psutil.Process(pid).memory_info().rss / 1024**2
    marks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(marks[0].split()[1]) / 1024


BILLED = {
    "activity_task_scheduled_event_attributes",
    "timer_started_event_attributes",
    "upsert_workflow_search_attributes_event_attributes",
    "workflow_execution_signaled_event_attributes",
    "workflow_execution_update_accepted_event_attributes",
}


@dataclass(frozen=True, slots=True)
class HistoryAccount:
    """`actions` are what Temporal Cloud would bill: start, activities, timers, upserts, signals, updates."""

    events: int
    size_bytes: int
    actions: int


async def account(handle: WorkflowHandle[object, object]) -> HistoryAccount:
    description = await handle.describe()
    history = await handle.fetch_history()
    actions = 1 + sum(event.WhichOneof("attributes") in BILLED for event in history.events)
    info = description.raw_description.workflow_execution_info
    return HistoryAccount(len(history.events), info.history_size_bytes, actions)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)
