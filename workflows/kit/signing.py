"""Whether a signal counts, where decisions must be signed. Updates are checked before they get here."""

from collections.abc import Callable, Mapping
from typing import cast

from temporalio import workflow

from towpath.temporal.signing import REFUSES_UNSIGNED


def unsigned_counts(number: int) -> bool:
    """Whether the signal with this number, of those that a run got, counts though a signal cannot be checked.

    It does where no worker had a key when it came: the history of a run tells which were refused.
    """
    handed = cast("Mapping[str, Callable[[], bool]]", workflow.extern_functions())
    if REFUSES_UNSIGNED not in handed or not handed[REFUSES_UNSIGNED]():
        return True
    return not workflow.patched(f"unsigned-signal-refused/{number}")
