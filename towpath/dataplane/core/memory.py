"""The memory that this process has needed at most."""

import resource
from pathlib import Path

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
