"""How a field of a webhook is read that is not as its sender's documentation says: as far as it can be."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from pydantic import TypeAdapter, ValidationError

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time: what senders write for an end that has not come, and what stands for a start that cannot be read."""
UNREADABLE = "AlertUnreadable"
MOST_SHOWN = 2000
FIRST_YEAR = 1970
_MOMENT = TypeAdapter(datetime)
_OVER = frozenset({"resolved", "ok", "normal", "inactive", "recovered"})


def as_text(given: object) -> str:
    if isinstance(given, str):
        return given
    if given is None:
        return ""
    return json.dumps(given, ensure_ascii=False, default=str)[:MOST_SHOWN]


def as_texts(given: object) -> dict[str, object]:
    """Labels, annotations or values; whatever is no object says nothing."""
    if not isinstance(given, Mapping):
        return {}
    return {as_text(name): value for name, value in cast("Mapping[object, object]", given).items()}


def as_moment(given: object) -> datetime:
    """A time without a zone is UTC; NEVER stands for what cannot be read."""
    if not isinstance(given, str | int | float | datetime) or given == "":
        return NEVER
    try:
        found = _MOMENT.validate_python(given)
    except (ValidationError, OverflowError):
        return NEVER
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found if found.year >= FIRST_YEAR else NEVER


def as_end(given: object) -> datetime | None:
    """None where it has not come, or cannot be read."""
    found = as_moment(given)
    return None if found == NEVER else found


def as_status(given: object) -> str:
    """Whatever is not said to be over fires."""
    return "resolved" if isinstance(given, str) and given.strip().casefold() in _OVER else "firing"


def as_count(given: object) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else 0


def as_alerts(given: object) -> object:
    """What stands in the list and is no alert becomes one that says so: somebody has to look."""
    if not isinstance(given, list | tuple):
        return given
    listed = cast("Sequence[object]", given)
    return [one if _is_alert(one) else _unreadable(one) for one in listed]


def _is_alert(one: object) -> bool:
    return isinstance(one, Mapping) or hasattr(one, "labels")


def _unreadable(one: object) -> dict[str, object]:
    labels = {"alertname": UNREADABLE, "severity": "critical"}
    return {"labels": labels, "annotations": {"body": as_text(one)[:MOST_SHOWN]}}
