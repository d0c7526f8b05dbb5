"""Failures, logs and reviewers at their edges: bounded, typed, and free of what must not leave."""

from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from towpath.clients.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.failure import Failure, FailureCode, HouseError
from towpath.contracts.onboarding import Customer, Plan
from towpath.contracts.process import customer_key
from towpath.observability import MASK, redact
from towpath.temporal.failures import failure_of, to_application_error

ROOT = Path(__file__).resolve().parents[2]


def wrapped(cause: BaseException) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="x",
        activity_type="x",
        activity_id="x",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    error.__cause__ = cause
    return error


def timed_out() -> TemporalTimeoutError:
    return TemporalTimeoutError("late", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[])


def test_failure_survives_the_wire() -> None:
    """What an activity raised is what the workflow reads, bounded, with the attempts that Temporal counted."""
    error = HouseError(FailureCode.SERVICE_UNAVAILABLE, "x" * 5000, evidence={"body": "y" * 5000, "status": 503})
    sent = to_application_error(error, attempts=3)
    received = failure_of(wrapped(ApplicationError("x", sent.details[0].model_dump(), type=sent.type)))

    assert (sent.type, sent.non_retryable) == ("service.unavailable", False)
    assert (received.code, received.attempts, received.retryable) == (FailureCode.SERVICE_UNAVAILABLE, 3, True)
    assert len(received.model_dump_json()) < 1000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(wrapped(timed_out()), FailureCode.STEP_TIMEOUT, id="wrapped-timeout"),
        pytest.param(timed_out(), FailureCode.STEP_TIMEOUT, id="bare-timeout"),
        pytest.param(ApplicationError("secret detail", type="KeyError"), FailureCode.UNEXPECTED, id="foreign"),
        pytest.param(ValueError("secret detail"), FailureCode.UNEXPECTED, id="plain"),
    ],
)
def test_foreign_errors_have_a_code_and_keep_their_text(error: BaseException, code: FailureCode) -> None:
    """Errors that are not ours get a code, and their own text goes no further."""
    failure: Failure = failure_of(error)

    assert failure.code is code
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("event", "cleaned"),
    [
        pytest.param({"api_key": "sk-1"}, {"api_key": MASK}, id="name"),
        pytest.param({"event": "key sk-ant-abc123"}, {"event": f"key {MASK}"}, id="anthropic-key"),
        pytest.param({"event": "Bearer abc.def"}, {"event": MASK}, id="bearer"),
        pytest.param({"error": "to kim@hanbit.example"}, {"error": f"to {MASK}"}, id="address"),
        pytest.param({"step": "send-email", "attempt": 2}, {"step": "send-email", "attempt": 2}, id="nothing"),
    ],
)
def test_logs_are_cleaned(event: dict[str, Any], cleaned: dict[str, Any]) -> None:
    """Secrets and addresses are removed by name and by look; the rest stays."""
    assert redact(None, "info", event) == cleaned


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{", "file", id="no-json"),
        pytest.param('{"team": {"roles": [], "members": []}}', "team.roles", id="no-roles"),
        pytest.param(
            '{"team": {"roles": ["a"], "members": [{"reviewer": "x", "role": "a"}]}}', "members.0.role", id="typo"
        ),
    ],
)
def test_broken_reviewers_file_names_the_place(tmp_path: Path, text: str, problem: str) -> None:
    """A reviewers file that cannot be used is refused with the place that is wrong."""
    file = tmp_path / "reviewers.json"
    file.write_text(text)

    with pytest.raises(ReviewersFileError, match=problem):
        ReviewerDirectory.load(file)


def test_team_without_reviewers_is_a_failure() -> None:
    """A team that the file does not know has nobody who may decide."""
    directory = ReviewerDirectory.load(ROOT / "reviewers.json")

    assert directory.team("compliance-team").roles == ("compliance-officer",)
    with pytest.raises(HouseError, match="nobody-team"):
        directory.team("nobody-team")


def test_customer_key_holds_no_personal_data() -> None:
    """The key depends on the salt and the normalised address, and does not show it; an own id is taken as it is."""
    one = Customer(email="Kim@Hanbit.example", company="H", plan=Plan.STARTER)
    same = one.model_copy(update={"email": " kim@hanbit.EXAMPLE "})

    assert customer_key(one, b"a") == customer_key(same, b"a")
    assert customer_key(one, b"a") != customer_key(one, b"b")
    assert "kim" not in customer_key(one, b"a").lower()
    assert customer_key(one.model_copy(update={"customer_id": "crm-1"}), b"a") == "crm-1"
