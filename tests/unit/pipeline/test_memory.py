"""The peak of a data-plane process is its own, not that of the worker that started it."""

import subprocess
import sys

from towpath.contracts.pipeline.plane import MIB
from towpath.dataplane.core.memory import peak_rss_bytes

PROGRAM = "from towpath.dataplane.core.memory import peak_rss_bytes; print(peak_rss_bytes())"


def test_peak_is_not_the_parents() -> None:
    """A worker that holds much starts processes that tell what they hold themselves."""
    held = bytearray(b"x") * (300 * MIB)
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert peak_rss_bytes() > len(held)
    assert MIB < int(child.stdout) < 200 * MIB
