"""Where a payload belongs: what an encrypted one says in clear beside its bytes, and what is compared when it arrives.

A codec only sees payloads, not what they are for. So whoever hands one to a codec writes its place into the payload's
metadata, and the codec takes it off again; what a codec decrypted has its place written in the same way, until whoever
received it has compared it.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

WRITTEN = "towpath-place"
"""Metadata: the place of a payload that is to be encrypted, or was decrypted."""
UNCOMPARED = "towpath-uncompared"
"""Metadata: decrypted where nobody could say what arrives there."""
BARE = "towpath-bare"
"""Metadata: it came without encryption, or encrypted without a place, where it must have both."""
MARKS = (WRITTEN, UNCOMPARED, BARE)
REFUSED = b"binary/towpath-refused"
"""Encoding of what a codec puts where a payload that it refuses was: the reason, as text."""
NOTHING = b"binary/towpath-nothing"
"""Encoding of what travels where no value does: a message without one could not be told from anybody's."""
STARTED_BY_SCHEDULE = re.compile(r"-\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
"""What a schedule adds to its workflow id."""


class PayloadKind(StrEnum):
    """What a payload is for. A place's `name` is the type of the workflow or activity, or the message's name."""

    START = "start"
    SCHEDULED = "scheduled"
    """A start by a schedule, whose time is added to the workflow id."""
    SIGNAL = "signal"
    UPDATE = "update"
    QUERY = "query"
    RESULT = "result"
    """Whatever a run gives back: its result or failure, answers to updates and queries."""
    ACTIVITY = "activity"
    ACTIVITY_RESULT = "activity-result"


@dataclass(frozen=True, slots=True)
class PayloadPlace:
    """Of one payload. `activity_id` is there for those of activities alone."""

    namespace: str
    workflow_id: str
    kind: PayloadKind
    name: str = ""
    activity_id: str = ""

    def written(self) -> bytes:
        """The bytes that are authenticated: JSON with sorted keys, UTF-8, without spaces and empty fields."""
        return _written(self)

    def is_for(self, namespace: str, workflow_id: str) -> bool:
        """Whether it belongs to that workflow."""
        if self.kind is PayloadKind.SCHEDULED:
            rest = workflow_id.removeprefix(self.workflow_id)
            same = workflow_id.startswith(self.workflow_id) and (
                not rest or STARTED_BY_SCHEDULE.fullmatch(rest) is not None
            )
        else:
            same = self.workflow_id == workflow_id
        return same and self.namespace == namespace

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.kind.value, self.name, self.activity_id)))
        return f"{what!r} of {self.workflow_id!r} in namespace {self.namespace!r}"


@lru_cache(maxsize=4096)
def _written(place: PayloadPlace) -> bytes:
    fields = {
        "activity": place.activity_id,
        "kind": place.kind.value,
        "name": place.name,
        "namespace": place.namespace,
        "workflow": place.workflow_id,
    }
    given = {key: value for key, value in fields.items() if value}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@lru_cache(maxsize=4096)
def place_of(written: bytes) -> PayloadPlace | None:
    """The place that these bytes say; None when they say none."""
    try:
        fields = json.loads(written)
        place = PayloadPlace(
            namespace=str(fields["namespace"]),
            workflow_id=str(fields["workflow"]),
            kind=PayloadKind(fields["kind"]),
            name=str(fields.get("name", "")),
            activity_id=str(fields.get("activity", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return place if place.written() == written else None


@dataclass(frozen=True, slots=True)
class PayloadRefusal:
    """Something that was not let into a run: the job, as Temporal's protocol calls it, and why, without any content."""

    workflow_id: str
    run_id: str
    job: str
    name: str
    reason: str


Told = Callable[[PayloadRefusal], None]


def untold(refusal: PayloadRefusal) -> None:
    """For who has nobody to tell."""
    del refusal


@dataclass(frozen=True, slots=True)
class EncryptionRule:
    """Whether payloads must be encrypted and bound to their place, and since when: what arrived before passes."""

    required: bool = False
    since: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether what arrives at this moment must be both."""
        return self.required and (self.since is None or moment >= self.since)
