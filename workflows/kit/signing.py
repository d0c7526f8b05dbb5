"""What counts of what nobody checked before it got here: signals, and what a request says that people allowed.

Updates are checked before. Which of these were refused is in the history of a run, so that a replay needs no key.
"""

from collections.abc import Callable, Mapping
from typing import cast

from temporalio import workflow

from towpath.contracts.core.signed import Signed
from towpath.temporal.signing import REFUSES_UNSIGNED


def unsigned_counts(number: int) -> bool:
    """Whether the signal with this number, of those that a run got, counts though a signal cannot be checked.

    It does where no worker had a key when it came.
    """
    return not _asks(None) or not workflow.patched(f"unsigned-signal-refused/{number}")


def kept_counts(request: Signed) -> bool:
    """Whether decisions that the request brings from an earlier run count: it is signed, or nothing needs to be.

    A run that goes on in a new history brings its own.
    """
    if workflow.info().continued_run_id is not None:
        return True
    return not _asks(request) or not workflow.patched("unsigned-start-refused")


def _asks(request: Signed | None) -> bool:
    handed = cast("Mapping[str, Callable[[Signed | None], bool]]", workflow.extern_functions())
    return REFUSES_UNSIGNED in handed and handed[REFUSES_UNSIGNED](request)
