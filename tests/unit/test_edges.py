"""Failures, logs and reviewers at their edges: bounded, typed, and free of what must not leave."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

from towpath.config.reviewers import ReviewerDirectory, ReviewersFileError
from towpath.contracts.core.failure import Failure, FailureCode, HouseError
from towpath.contracts.onboarding.customer import Customer, CustomerPlan
from towpath.contracts.onboarding.process import customer_key
from towpath.observability import MASK, OncePerMinute, core_fields, redact
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
        pytest.param("{", "is not JSON at line 1", id="no-json"),
        pytest.param('{"team": {"roles": [], "members": []}}', "team.roles: must not be empty", id="no-roles"),
        pytest.param(
            '{"team": {"roles": ["a"], "members": [{"reviewer": "x", "role": "a"}]}}',
            "members.0.role: is not a known field: did you mean 'roles'",
            id="typo",
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
    one = Customer(email="Kim@Hanbit.example", company="H", plan=CustomerPlan.STARTER)
    same = one.model_copy(update={"email": " kim@hanbit.EXAMPLE "})

    assert customer_key(one, b"a") == customer_key(same, b"a")
    assert customer_key(one, b"a") != customer_key(one, b"b")
    assert "kim" not in customer_key(one, b"a").lower()
    assert customer_key(one.model_copy(update={"customer_id": "crm-1"}), b"a") == "crm-1"


def core_line(message: str, created: float = 0.0, fields: Mapping[str, str] | None = None) -> logging.LogRecord:
    """A line of the SDK's core as it is forwarded."""
    forwarded = SimpleNamespace(target="core::workflow", message=message, fields=fields or {})
    return logging.makeLogRecord({"msg": message, "created": created, "temporal_log": forwarded})


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        pytest.param(
            {"failure": 'Failure { message: "[TMPRL1100] Nondeterminism error: \\"a\\"", source: "" }', "run_id": "r1"},
            {"problem": '[TMPRL1100] Nondeterminism error: \\"a\\"', "run_id": "r1"},
            id="own-words",
        ),
        pytest.param({"failure": 'Failure { message: "Kim Minsu is no plan" }'}, {}, id="words-of-a-run"),
        pytest.param(
            {"error": 'Status { code: InvalidArgument, message: "bad versioning", details: b"Kim" }'},
            {"problem": "bad versioning"},
            id="words-of-the-server",
        ),
        pytest.param({"completion": "Kim Minsu"}, {}, id="anything-else"),
    ],
)
def test_lines_of_the_core_keep_its_own_words(fields: dict[str, str], kept: dict[str, str]) -> None:
    """What Temporal's core says of a run and of the server is logged; what a run was given is not."""
    record = core_line("Failing workflow task", fields=fields)
    event = {"event": record.getMessage(), "temporal_log": vars(record)["temporal_log"]}

    assert core_fields(None, "", event) == {"event": "Failing workflow task", "target": "core::workflow", **kept}


def test_pollers_of_a_silent_server_are_logged_once_a_minute() -> None:
    """Twenty pollers say the same of a server that does not answer: one line a minute, but one for each run."""
    passing = OncePerMinute()
    lines = [core_line(f"poll retried {number} times", created=1000.0 + number) for number in range(0, 120, 20)]
    runs = [core_line("Failing workflow task", created=1000.0, fields={"run_id": name}) for name in ("r1", "r2", "r1")]

    assert [bool(passing.filter(line)) for line in lines] == [True, False, False, True, False, False]
    assert [bool(passing.filter(line)) for line in runs] == [True, True, False]
