"""How a campaign ended, from what became of its jobs."""

from collections.abc import Sequence

from towpath.contracts.publishing.campaign import PublishingOutcome
from towpath.contracts.publishing.posting import Job, JobState

_OUT = frozenset({JobState.PUBLISHED, JobState.PARTIAL, JobState.UNKNOWN})
_STOPPED = frozenset({JobState.CANCELLED, JobState.WITHDRAWN})


def outcome_of(jobs: Sequence[Job]) -> PublishingOutcome:
    """Published means every job. A job whose outcome is unknown may be out, so nothing is not what it says.

    With nothing out: expired when every job was dropped as stale, cancelled when every one was cancelled or taken
    back, and nothing published otherwise.
    """
    states = {job.state for job in jobs}
    if states == {JobState.PUBLISHED}:
        return PublishingOutcome.PUBLISHED
    if states & _OUT:
        return PublishingOutcome.PARTLY
    if states == {JobState.DROPPED}:
        return PublishingOutcome.EXPIRED
    if states and states <= _STOPPED:
        return PublishingOutcome.CANCELLED
    return PublishingOutcome.NOTHING
