"""The activity that says who may decide a human task."""

from typing import TYPE_CHECKING

from temporalio import activity

from towpath.contracts.core.review import FindReviewers, Reviewers

if TYPE_CHECKING:
    from towpath.config.reviewers import ReviewerDirectory


class ReviewActivities:
    def __init__(self, directory: "ReviewerDirectory") -> None:
        self._directory = directory

    @activity.defn(name="find_reviewers")
    async def find_reviewers(self, request: FindReviewers) -> Reviewers:
        return self._directory.team(request.team)
