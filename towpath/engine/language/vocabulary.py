"""Words that mean something in a definition: codes of failures, taken names, secrets, and types by what they do."""

from collections.abc import Mapping

from towpath.contracts.core.failure import FailureCode

CODES = frozenset(map(str, FailureCode))
"""What `fail`, `on: {code}`, `retry_on` and `no_retry_on` may name."""
FAILED_STATUS = r"[45](?:[0-9]{2}|xx)"
"""A status of a failure, or a class of them, in small letters."""
TAKEN = frozenset(
    {"inputs", "steps", "run", "event", "secrets", "output", "index", "true", "false", "null", "and", "or", "not", "in"}
)
"""Names that an item or an error cannot have: they mean something already."""
SENDING = frozenset({"http", "api", "openapi", "function"})
"""Types whose step sends what a definition wrote, secrets included, and gets an answer of which parts can be kept."""
NO_LOOP = frozenset({"condition", "human-task", "wait", "wait-any"})
"""Types without `for_each`."""
NO_UNDO = frozenset({"wait", "wait-any", "condition", "set", "human-task", "raise"})
"""Types that leave nothing to undo."""
LIMITED = frozenset({"http", "api", "openapi", "claude", "multi-channel"})
"""Types that call what may have limits."""
_LATE = "nobody is late with a task that nobody must submit"
ONCE_ONLY: Mapping[str, str] = {
    "quorum": "each submission counts by itself",
    "remind": _LATE,
    "escalate": _LATE,
    "on_timeout": "at its deadline it is completed with what was submitted",
    "on_reject": "a rejection is one of its submissions, with decision: reject",
}
"""What a repeatable human task cannot have, since no decision ends it, and why."""


def any_case(pattern: str) -> str:
    """A pattern of letters, in small and in capital ones: the patterns of JSON Schema have no flags."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in pattern)


_KEY = any_case("key")
SECRET_TEXT = (
    r"sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----|[Bb]earer\s+[A-Za-z0-9._-]{12,}"
    rf"|[?&][A-Za-z_-]*(?:{any_case('password|secret|token')}|{any_case('api')}[-_]?{_KEY})=[^&{{\s]{{6,}}"
)
"""What looks like a secret in plain text."""
SECRET_NAME = (
    f"(^|[-_])(?:{any_case('password|passwd|secret|token|authorization')}|{any_case('api')}[-_]?{_KEY}"
    f"|{any_case('private')}[-_]?{_KEY})$"
)
"""The end of a name that says that its field holds a secret."""
UNNAMED = frozenset({"inputs", "tests", "output_schema", "form"})
"""Schemas and made-up data: there a name says nothing of what stands beside it. The first two are the document's."""
