"""Whoever changes a run must be known: a person of one of its teams, in a role that may decide for it."""

from collections.abc import Sequence

from temporalio import workflow

from towpath.contracts.core.failure import FailureCode
from towpath.temporal.failures import to_application_error
from workflows.kit.calling import CallFailedError
from workflows.kit.task import ReviewRefusedError, reviewers_of

PATCH = "known-people-2026-11"


async def require_person(who: str, teams: Sequence[str], what: str) -> None:
    """Look the person up, in the handler of an update. `what` is what the person wants to do.

    Raises ApplicationError: `review.unknown_reviewer`, `review.role_not_allowed`, or why nobody could say who may.
    """
    if not workflow.patched(PATCH):
        return
    try:
        await _find(who, teams, what)
    except ReviewRefusedError as error:
        raise to_application_error(error) from None
    except CallFailedError as error:
        message = f"{what} is refused, for nobody can say who may: {error.failure.message}"
        raise to_application_error(ReviewRefusedError(error.failure.code, message)) from error


async def _find(who: str, teams: Sequence[str], what: str) -> None:
    known = False
    for team in dict.fromkeys(teams):
        found = await reviewers_of(team, f"{what}/reviewers", what)
        if found.role_of(who) is not None:
            return
        known = known or found.knows(who)
    if known:
        message = f"{who!r} has none of the roles that may {what}"
        raise ReviewRefusedError(FailureCode.REVIEW_ROLE_NOT_ALLOWED, message)
    message = f"{who!r} is not a reviewer of {' or '.join(dict.fromkeys(teams))}, and may not {what}"
    raise ReviewRefusedError(FailureCode.REVIEW_UNKNOWN_REVIEWER, message)
