"""The codec: what goes in comes out at its place, and nothing else comes out anywhere."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, SerializationContext, WorkflowSerializationContext

from towpath.control.temporal import StrictPayloadConverter
from towpath.integrations.storage.codec import DecryptionError, EncryptionCodec, arrived
from towpath.temporal.places import MARKS, REFUSED, WRITTEN, EncryptionRule, PayloadKind, PayloadPlace, place_of

KEY, OTHER = bytes(range(32)), bytes(32)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PLACES = st.builds(PayloadPlace, NAMES, NAMES, st.sampled_from(PayloadKind), st.one_of(st.just(""), NAMES))
PAYLOADS = st.builds(
    Payload,
    metadata=st.dictionaries(st.sampled_from(["encoding", "messageType", *MARKS]), st.binary(max_size=20)),
    data=st.binary(max_size=200),
)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"secret"')
HERE = WorkflowSerializationContext("default", "run-1")
REQUIRED = EncryptionRule(required=True)


def activity(activity_id: str = "7", name: str = "send", workflow_id: str = "run-1") -> ActivitySerializationContext:
    return ActivitySerializationContext("default", activity_id, name, "queue", workflow_id, "type", is_local=False)


def encoded(payload: Payload, context: SerializationContext | None, place: PayloadPlace | None = None) -> Payload:
    if place is not None:
        payload = Payload(metadata={**payload.metadata, WRITTEN: place.written()}, data=payload.data)
    codec = EncryptionCodec({"k1": KEY}, REQUIRED, context)
    return asyncio.run(codec.encode([payload]))[0]


def decoded(payload: Payload, context: SerializationContext | None, rule: EncryptionRule = REQUIRED) -> Payload:
    return asyncio.run(EncryptionCodec({"k1": KEY}, rule, context).decode([payload]))[0]


def converted(payloads: Sequence[Payload]) -> Sequence[object]:
    return StrictPayloadConverter().from_payloads(list(payloads))


@given(place=PLACES)
def test_a_place_is_read_as_it_was_written(place: PayloadPlace) -> None:
    """And only so: other bytes that would say the same are none."""
    assert place_of(place.written()) == place
    assert place_of(place.written() + b" ") is None


@given(written=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_place_or_none(written: bytes) -> None:
    """Nothing is raised on what is no place."""
    place = place_of(written)
    assert place is None or place.written() == written


@given(payload=PAYLOADS, place=PLACES)
def test_what_goes_in_comes_out_with_its_place(payload: Payload, place: PayloadPlace) -> None:
    """Whatever its metadata; marks of ours that it came with are not believed."""
    found = decoded(encoded(payload, None, place), None)
    assert found.metadata[WRITTEN] == place.written()
    assert found.data == payload.data
    kept = {name: value for name, value in payload.metadata.items() if name not in MARKS}
    assert {name: value for name, value in found.metadata.items() if name not in MARKS} == kept


@given(data=st.data(), place=PLACES)
def test_no_changed_payload_is_read(data: st.DataObject, place: PayloadPlace) -> None:
    """A bit of the data, a cut, a changed place, another key's name: refused or an error, never another content."""
    sealed = encoded(PLAIN, None, place)
    metadata, content = dict(sealed.metadata), bytearray(sealed.data)
    how = data.draw(st.sampled_from(["bit", "cut", "longer", "place", "key", "no place", "check"]))
    if how == "bit":
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "cut":
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    elif how == "longer":
        content += b"x"
    elif how == "place":
        metadata["encryption-place"] = data.draw(PLACES.filter(lambda other: other != place)).written()
    elif how == "key":
        metadata["encryption-key-id"] = data.draw(st.binary(max_size=8).filter(lambda name: name != b"k1"))
    elif how == "check":
        metadata["encryption-key-check"] = b"000000000000"
    else:
        del metadata["encryption-place"]
    try:
        found = decoded(Payload(metadata=metadata, data=bytes(content)), None)
    except DecryptionError:
        return
    assert found.metadata["encoding"] == REFUSED and b"secret" not in found.data
    with pytest.raises(DecryptionError):
        converted([found])


@given(payload=PAYLOADS)
def test_what_is_not_encrypted_is_never_taken(payload: Payload) -> None:
    """Whatever a payload in clear says of itself."""
    with pytest.raises(DecryptionError):
        converted([decoded(payload, HERE)])


def test_each_length_of_a_cut_is_told() -> None:
    """A ciphertext that was cut anywhere is a typed refusal."""
    sealed = encoded(PLAIN, HERE)
    for length in range(len(sealed.data)):
        found = decoded(Payload(metadata=dict(sealed.metadata), data=sealed.data[:length]), HERE)
        assert b"cut" in found.data
        with pytest.raises(DecryptionError, match="cut"):
            converted([found])


@pytest.mark.parametrize(
    ("written", "read", "fits"),
    [
        (HERE, HERE, True),
        (HERE, WorkflowSerializationContext("default", "run-2"), False),
        (HERE, WorkflowSerializationContext("other", "run-1"), False),
        (HERE, activity(), False),
        (activity(), activity(), True),
        (activity(), activity(activity_id="8"), False),
        (activity(), activity(name="receive"), False),
        (activity(), activity(workflow_id="run-2"), False),
        (activity(), HERE, False),
    ],
)
def test_contexts_of_the_sdk_are_compared(
    written: SerializationContext, read: SerializationContext, *, fits: bool
) -> None:
    """A client and an activity read what is theirs."""
    found = decoded(encoded(PLAIN, written), read)
    if fits:
        assert converted([found]) == ["secret"]
    else:
        with pytest.raises(DecryptionError, match="arrived as"):
            converted([found])


def test_a_schedule_adds_a_time() -> None:
    """And nothing else."""
    place = PayloadPlace("default", "nightly", PayloadKind.SCHEDULED, "etl")
    for workflow_id, fits in (
        ("nightly-2026-03-01T02:00:00Z", True),
        ("nightly", True),
        ("nightly-2026-03-01T02:00:00Zx", False),
        ("nightly-2", False),
        ("nightlyx-2026-03-01T02:00:00Z", False),
        ("other", False),
    ):
        assert place.is_for("default", workflow_id) is fits
    assert not PayloadPlace("default", "nightly", PayloadKind.START, "etl").is_for(
        "default", "nightly-2026-03-01T02:00:00Z"
    )


def test_a_payload_must_say_where_it_belongs() -> None:
    """Nothing is encrypted without a place, and what nobody compared is read nowhere."""
    with pytest.raises(ValueError, match="where it belongs"):
        encoded(PLAIN, None)
    with pytest.raises(DecryptionError, match="of_run"):
        converted([decoded(encoded(PLAIN, HERE), None)])


def test_a_migration_has_a_date() -> None:
    """What came before it passes in clear and without a place; what comes later does not."""
    since = datetime(2026, 3, 1, tzinfo=UTC)
    rule = EncryptionRule(required=True, since=since)
    unbound = Payload(
        metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"k1"},
        data=OTHER[:12] + AESGCM(KEY).encrypt(OTHER[:12], PLAIN.SerializeToString(), b"k1"),
    )
    for payload in (PLAIN, unbound):
        with arrived(since - timedelta(seconds=1)):
            assert converted([decoded(payload, HERE, rule)]) == ["secret"]
        with arrived(since), pytest.raises(DecryptionError, match="require"):
            converted([decoded(payload, HERE, rule)])
        with pytest.raises(DecryptionError, match="require"):
            converted([decoded(payload, HERE, rule)])
        assert converted([decoded(payload, HERE, EncryptionRule())]) == ["secret"]


def test_another_key_of_the_same_name_is_told() -> None:
    """It is no altered payload: nothing is decided on it."""
    sealed = encoded(PLAIN, HERE)
    with pytest.raises(DecryptionError, match="another than the one"):
        asyncio.run(EncryptionCodec({"k1": OTHER}, REQUIRED, HERE).decode([sealed]))


class CustomerKeys:
    """A ring with a key for each customer: the id of the workflow says whose it is."""

    def __init__(self) -> None:
        self.keys = {"c/kim": KEY, "c/lee": OTHER}

    def key_for(self, place: PayloadPlace) -> str:
        return f"c/{place.workflow_id}"

    def key(self, key_id: str) -> bytes | None:
        return self.keys.get(key_id)


def test_a_customers_key_can_be_destroyed() -> None:
    """Then nothing of that customer is read any more, and all of the others."""
    ring = CustomerKeys()
    kim, lee = (
        EncryptionCodec(ring, REQUIRED, WorkflowSerializationContext("default", name)) for name in ("kim", "lee")
    )
    of_kim, of_lee = asyncio.run(kim.encode([PLAIN]))[0], asyncio.run(lee.encode([PLAIN]))[0]
    assert of_kim.metadata["encryption-key-id"] == b"c/kim"
    assert converted(asyncio.run(kim.decode([of_kim]))) == ["secret"]
    del ring.keys["c/kim"]
    with pytest.raises(DecryptionError, match="destroyed"):
        asyncio.run(kim.decode([of_kim]))
    with pytest.raises(DecryptionError, match="destroyed"):
        asyncio.run(kim.encode([PLAIN]))
    assert converted(asyncio.run(lee.decode([of_lee]))) == ["secret"]


def test_the_format_is_what_operations_says() -> None:
    """Read and written by another implementation, from docs/operations.md alone: services in other languages do so."""
    sealed = encoded(PLAIN, HERE)
    name, where = sealed.metadata["encryption-key-id"], sealed.metadata["encryption-place"]
    bound = b"towpath place 1\n" + name + b"\n" + where
    assert where == b'{"kind":"result","namespace":"default","workflow":"run-1"}'
    assert AESGCM(KEY).decrypt(sealed.data[:12], sealed.data[12:], bound) == PLAIN.SerializeToString()
    check = hashlib.blake2b(b"towpath key check", key=KEY, digest_size=6).hexdigest()
    assert sealed.metadata["encryption-key-check"] == check.encode()

    data = OTHER[:12] + AESGCM(KEY).encrypt(OTHER[:12], PLAIN.SerializeToString(), bound)
    metadata = {"encoding": b"binary/encrypted", "encryption-key-id": name, "encryption-place": where}
    assert converted([decoded(Payload(metadata=metadata, data=data), HERE)]) == ["secret"]
