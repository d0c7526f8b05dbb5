"""The gate of a lane's process: it imports what it needs, says that it is ready, and begins when it is told its job.

Job and result are one JSON document a line.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

READY = "ready"


def serve(run: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Do one job. What libraries print goes to stderr: stdout belongs to the two who speak here."""
    answers, sys.stdout = sys.stdout, sys.stderr
    answers.write(READY + "\n")
    answers.flush()
    result = run(json.loads(sys.stdin.readline()))
    answers.write(json.dumps(result) + "\n")
    answers.flush()
