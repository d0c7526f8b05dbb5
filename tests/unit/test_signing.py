"""What a signature covers, against OpenSSL as a second implementation."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.contracts.core.review import Decision, Verdict
from towpath.contracts.core.signed import Signed
from towpath.contracts.declared.run import Edit
from towpath.contracts.publishing.posting import Reschedule
from towpath.policy.core.signing import VALID_FOR, sign, signature_problem

KEY, OTHER = b"k" * 32, b"o" * 32
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DECISION = Decision(verdict=Verdict.APPROVE, reviewer="dana", reason="papers seen", task="approve", data={"max": 5})
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def problem(message: Signed, *, run: str = "refund/1", update: str = "decide", now: datetime = NOW) -> str:
    return signature_problem([KEY], run, update, message, now)


def test_openssl_makes_the_same_signature() -> None:
    """The bytes are those that the module's docstring says, and the digest is HMAC-SHA256."""
    signed = sign(KEY, "refund/1", "decide", DECISION, NOW)
    message = {
        "verdict": "approve",
        "reviewer": "dana",
        "reason": "papers seen",
        "task": "approve",
        "data": {"max": 5},
        "signed_at": "2026-11-30T12:00:00Z",
    }
    text = json.dumps(
        {"message": message, "update": "decide", "workflow_id": "refund/1"}, sort_keys=True, separators=(",", ":")
    )
    command = ["openssl", "dgst", "-sha256", "-hmac", KEY.decode(), "-r"]
    made = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    assert signed.signature == made.split()[0].decode()


@pytest.mark.parametrize(
    "change",
    [
        {"reviewer": "minjun"},
        {"verdict": Verdict.REJECT},
        {"data": {"max": 6}},
        {"reason": "papers not seen"},
        {"task": "approve-2"},
        {"task": None},
        {"signed_at": NOW + timedelta(seconds=1)},
        {"signature": ""},
        {"signature": "ü" * 64},
        {"signed_at": None},
    ],
    ids=str,
)
def test_whatever_is_changed_breaks_it(change: dict[str, Any]) -> None:
    """Person, verdict, data, reason, task and moment are signed."""
    signed = sign(KEY, "refund/1", "decide", DECISION, NOW)
    assert problem(signed) == ""
    assert problem(signed.model_copy(update=change)) != ""


def test_it_holds_for_one_run_one_verb_and_one_key() -> None:
    """A signature is of no use for another run, another update, or with a key that the worker does not have."""
    signed = sign(KEY, "refund/1", "decide", DECISION, NOW)
    assert "does not hold" in problem(signed, run="refund/2")
    assert "does not hold" in problem(signed, update="skip")
    assert "does not hold" in problem(sign(OTHER, "refund/1", "decide", DECISION, NOW))
    assert signature_problem([OTHER, KEY], "refund/1", "decide", signed, NOW) == ""


@pytest.mark.parametrize("sign_of", [1, -1])
def test_it_is_of_a_moment(sign_of: int) -> None:
    """Five minutes early or late are borne; what is beyond is refused, and says by how much."""
    signed = sign(KEY, "refund/1", "decide", DECISION, NOW)
    assert problem(signed, now=NOW + sign_of * VALID_FOR) == ""
    assert "301 s" in problem(signed, now=NOW + sign_of * (VALID_FOR + timedelta(seconds=1)))


@given(JSON, st.text(max_size=20), st.text(max_size=20))
def test_it_survives_the_wire(value: Any, person: str, reason: str) -> None:
    """Whatever a message holds, it is read at its other end as it was signed."""
    signed = sign(KEY, "run", "set_output", Edit(step="s", by=person, reason=reason, value=value), NOW)
    arrived = Edit.model_validate_json(signed.model_dump_json())
    assert signature_problem([KEY], "run", "set_output", arrived, NOW) == ""


def test_a_field_of_a_later_version_breaks_nothing() -> None:
    """A worker that knows a defaulted field more checks what an older door signed, and the other way round."""

    class LaterEdit(Edit):
        ticket: str = ""

    signed = sign(KEY, "run", "skip", Edit(step="s", by="kim", reason="why"), NOW)
    assert signature_problem([KEY], "run", "skip", LaterEdit.model_validate(signed.model_dump()), NOW) == ""


def test_times_keep_their_zone() -> None:
    """A time that was given in another zone is the same time when it arrives."""
    change = Reschedule(job="x", at=datetime.fromisoformat("2026-12-01T09:00:00+09:00"), by="mira")
    signed = sign(KEY, "run", "reschedule", change, NOW)
    arrived = Reschedule.model_validate_json(signed.model_dump_json())
    assert signature_problem([KEY], "run", "reschedule", arrived, NOW) == ""
