"""What a task takes: time, CPU time, and the memory that this process has needed at most."""

import resource
import time
from pathlib import Path

from towpath.contracts.pipeline.dataset import StageMetrics, StageName

STATUS = Path("/proc/self/status")


def peak_rss_bytes() -> int:
    """Largest resident set since the process began its program.

    Linux hands `ru_maxrss` down from the parent through fork and exec, so a small child of a large worker would report
    the worker's memory there; VmHWM of proc(5) begins anew with the program. Elsewhere `ru_maxrss` is what there is.
    """
    try:
        lines = STATUS.read_text().splitlines()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mark = next(line for line in lines if line.startswith("VmHWM:"))
    return int(mark.split()[1]) * 1024


class StageMeter:
    """Measures from when it is made."""

    def __init__(self, stage: StageName) -> None:
        self._stage: StageName = stage
        self._began = time.perf_counter()
        self._cpu = time.process_time()

    def metrics(
        self, partition: str, *, rows_in: int, rows_out: int, rows_quarantined: int, size_bytes: int
    ) -> StageMetrics:
        return StageMetrics(
            stage=self._stage,
            partition=partition,
            rows_in=rows_in,
            rows_out=rows_out,
            rows_quarantined=rows_quarantined,
            size_bytes=size_bytes,
            seconds=round(time.perf_counter() - self._began, 3),
            cpu_seconds=round(time.process_time() - self._cpu, 3),
            peak_rss_bytes=peak_rss_bytes(),
        )
