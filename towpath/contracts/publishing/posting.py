"""Posts of a campaign: their texts, when they go out, how people change that, and what became of each."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from towpath.contracts.core.failure import Failure
from towpath.contracts.core.signed import Signed
from towpath.contracts.core.wire import ActivityResult, EffectKey, Wire

Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Of a platform, an account, an adapter, a prompt."""


class Post(Wire):
    """One message as it goes out. An article has a title and a description, the others have neither."""

    text: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


class ChosenTime(Wire):
    """When a post goes out, and in a sentence why then."""

    at: datetime
    reason: str


class JobState(StrEnum):
    SCHEDULED = "scheduled"
    HELD = "held"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    PARTIAL = "partly-published"
    """A thread of which some posts are out and the rest could not be published."""
    DROPPED = "dropped"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    UNKNOWN = "outcome-unknown"
    """The platform did not say whether it took the post, and its timeline could not be read: a person must look."""


class PublishedPost(Wire):
    post_id: str
    url: str
    at: datetime


class Job(Wire):
    """One channel of a campaign: what is published when, and what became of it."""

    job: str
    """`channel` or `channel.account`."""
    channel: Name
    account: Name
    state: JobState
    at: datetime
    reason: str
    """Why then; after the end, why so."""
    posts: tuple[PublishedPost, ...] = ()
    attempts: int = 0
    failure: Failure | None = None
    changed_by: str = ""


class Reschedule(Signed):
    job: str
    at: datetime
    by: str
    reason: str = ""


class EditPosts(Signed):
    """New texts for a job; they pass the same checks as Claude's."""

    job: str
    posts: tuple[Post, ...] = Field(min_length=1)
    by: str
    reason: str = ""


class JobChange(Signed):
    """Cancel a job, publish it now, or let it go on after a hold. `job` is `*` for all that have not begun."""

    job: str
    by: str
    reason: str = ""


class Settle(Signed):
    """A person's answer where the platform gave none. `published` needs the post's id; else it is tried again.

    With `give_up`, a post that is not out is not tried again either.
    """

    job: str
    published: bool
    post_id: str = ""
    url: str = ""
    give_up: bool = False
    by: str
    reason: str = ""


class PreparePost(Wire):
    """What is looked at before anything is published: may this account post, and did it already?"""

    adapter: Name
    account: Name
    post: Post
    fingerprint: str
    since: datetime
    """Older posts of the account are not this one. A time before the first attempt; it stays the same over retries."""
    key: EffectKey
    reply_to: str | None = None
    """Id of the post before it in a thread: a post with the same text in another place is another post."""
    known: tuple[str, ...] = ()
    """Ids of posts that are out and booked already: none of them is this one."""


class FindPost(PreparePost):
    """Look for the post on the account's own timeline."""


class PublishPost(PreparePost):
    """One attempt to publish."""


class PostOutcome(ActivityResult):
    """`post` is None when the account's own timeline does not hold the fingerprint."""

    post: PublishedPost | None = None


class RemovePost(Wire):
    adapter: Name
    account: Name
    post_id: str
    key: EffectKey


class ReserveSlot(Wire):
    """Keep a time free of other posts of the account.

    `key` has one slot: asked again for the same, it is the same; asked for another time, the slot moves.
    """

    place: str
    """`platform/account`."""
    at: datetime
    not_after: datetime | None
    spacing: timedelta
    key: EffectKey


class ReleaseSlot(Wire):
    """Give up the slot of `key`, if it has one."""

    place: str
    key: EffectKey


class Slot(ActivityResult):
    """`at` is the first time from the wanted one on that keeps the spacing; None when none is before `not_after`."""

    at: datetime | None


POSTING_SLOTS = "posting-slots"
"""Temporal type, and id prefix, of the record of one account's reserved times."""


class SlotReservation(Wire):
    """One reserved time, and the wish that it answers."""

    key: EffectKey
    wanted: datetime
    not_after: datetime | None
    spacing: timedelta
    at: datetime


class SlotRecord(Wire):
    """State of the record of one account's reserved times, in the order in which they were asked for."""

    place: str
    reservations: tuple[SlotReservation, ...] = ()
