"""Encryption of payloads: AES-256-GCM with named keys. Each says in clear, authenticated metadata where it belongs."""

import hashlib
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from towpath.temporal.places import (
    BARE,
    MARKS,
    REFUSED,
    UNCOMPARED,
    WRITTEN,
    EncryptionRule,
    PayloadKind,
    PayloadPlace,
    place_of,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
KEY_CHECK = "encryption-key-check"
"""Metadata: the start of a keyed hash of nothing secret. Tells another key of the same name from changed bytes."""
PLACE = "encryption-place"
NONCE_BYTES, TAG_BYTES, KEY_BYTES, CHECK_BYTES = 12, 16, 32, 6
GIVEN_BY_ACTIVITIES = frozenset({PayloadKind.ACTIVITY, PayloadKind.ACTIVITY_RESULT})


def codec_of(keys: Mapping[str, bytes], rule: EncryptionRule) -> "EncryptionCodec | None":
    """The codec of these settings; None without keys."""
    return EncryptionCodec(keys, rule) if keys else None


class DecryptionError(Exception):
    """A payload cannot be read or does not belong where it is: one line, without its content."""


def is_sealed(payload: Payload) -> bool:
    """Whether it lies there encrypted, with its place."""
    return payload.metadata.get("encoding") == ENCODING and PLACE in payload.metadata


class KeyRing(Protocol):
    """Keys by id. An id is a name, or `NAME/SUBJECT` for a key that a single customer has and erasure destroys."""

    def key_for(self, place: PayloadPlace) -> str:
        """Id of the key that encrypts what belongs there."""
        ...

    def key(self, key_id: str) -> bytes | None:
        """32 bytes; None for one that is not here, or no longer."""
        ...


class NamedKeys:
    """A few keys for everything: the first encrypts, each decrypts."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys`: id to 32 bytes. Raises ValueError."""
        wrong = [name for name, key in keys.items() if len(key) != KEY_BYTES]
        if not keys or wrong:
            raise ValueError(f"encryption keys must have {KEY_BYTES} bytes: {', '.join(wrong) or 'none given'}")
        self._keys = dict(keys)
        self._current = next(iter(keys))

    def key_for(self, place: PayloadPlace) -> str:
        del place
        return self._current

    def key(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)


_arrived: ContextVar[datetime | None] = ContextVar("arrived", default=None)


def arrive(moment: datetime | None) -> None:
    """What this task decodes from now on came to Temporal then: a rule that holds since later does not hold for it."""
    _arrived.set(moment)


@contextmanager
def arrived(moment: datetime | None) -> Generator[None]:
    """The same for a block."""
    token = _arrived.set(moment)
    try:
        yield
    finally:
        _arrived.reset(token)


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts with the ring's key for a place, decrypts with any, and compares the place with the SDK's context.

    Where a workflow's worker has no context for a payload, its place stays written in the metadata, for
    `towpath.temporal.arrivals` to compare; nothing else reads such a payload. One that does not fit is replaced by its
    refusal, which raises where it is converted. Payloads in other encodings pass, unless the rule demands encryption.

    Raises DecryptionError for a key that is not here: that may be mended, and nothing is decided on it.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes] | KeyRing,
        rule: EncryptionRule | None = None,
        context: SerializationContext | None = None,
    ) -> None:
        """`keys`: a ring, or id to 32 bytes, the one to encrypt with first. Raises ValueError."""
        self._ring: KeyRing = NamedKeys(keys) if isinstance(keys, Mapping) else keys
        self._rule = EncryptionRule() if rule is None else rule
        self._context = context
        # Loaded with the first key: a command without keys need not wait for it.
        self._altered: type[Exception] = import_module("cryptography.exceptions").InvalidTag

    def with_context(self, context: SerializationContext) -> "EncryptionCodec":
        return EncryptionCodec(self._ring, self._rule, context)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        written = payload.metadata.get(WRITTEN)
        place = _place_by(self._context) if written is None else place_of(written)
        if place is None:
            raise ValueError("a payload must say where it belongs before it is encrypted")
        key_id = self._ring.key_for(place)
        secret = self._ring.key(key_id)
        if secret is None:
            raise DecryptionError(_no_key(key_id))
        nonce, name, where = os.urandom(NONCE_BYTES), key_id.encode(), place.written()
        data = _cipher(secret).encrypt(nonce, _unmarked(payload).SerializeToString(), _bound(name, where))
        metadata = {"encoding": ENCODING, KEY_ID: name, KEY_CHECK: _check(secret), PLACE: where}
        return Payload(metadata=metadata, data=nonce + data)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return self._bare(_unmarked(payload))
        name, where = payload.metadata.get(KEY_ID, b""), payload.metadata.get(PLACE)
        secret = self._known(name, payload.metadata.get(KEY_CHECK))
        if len(payload.data) < NONCE_BYTES + TAG_BYTES:
            return _refused(f"a payload encrypted with {name.decode()!r} was cut: {len(payload.data)} bytes are left")
        nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            plain = _cipher(secret).decrypt(nonce, data, name if where is None else _bound(name, where))
        except self._altered:
            return _refused(f"a payload encrypted with {name.decode()!r} was altered or cut")
        found = Payload.FromString(plain)
        if where is None:
            return self._bare(found)
        place = place_of(where)
        if place is None:
            return _refused("a payload says no place that is known here: it was written by a later version")
        return self._compared(found, place, where)

    def _known(self, name: bytes, check: bytes | None) -> bytes:
        """The key. Raises DecryptionError."""
        key_id = name.decode(errors="replace")
        secret = self._ring.key(key_id)
        if secret is None:
            raise DecryptionError(_no_key(key_id))
        if check is not None and check != _check(secret):
            raise DecryptionError(f"the key {key_id!r} here is another than the one that a payload was encrypted with")
        return secret

    def _bare(self, payload: Payload) -> Payload:
        if self._rule.holds(_arrived.get() or datetime.now(UTC)):
            return Payload(metadata={**payload.metadata, BARE: b"1"}, data=payload.data)
        return payload

    def _compared(self, payload: Payload, place: PayloadPlace, written: bytes) -> Payload:
        payload.metadata[WRITTEN] = written
        expected = _place_by(self._context)
        if expected is None:
            payload.metadata[UNCOMPARED] = b"1"
        elif not _fits(place, expected):
            return _refused(f"a payload of {place} arrived as {expected}")
        return payload


def _place_by(context: SerializationContext | None) -> PayloadPlace | None:
    """What the SDK's context says of a payload that nobody wrote a place on."""
    if isinstance(context, ActivitySerializationContext):
        return PayloadPlace(
            context.namespace,
            context.workflow_id or "",
            PayloadKind.ACTIVITY_RESULT,
            context.activity_type or "",
            context.activity_id or "",
        )
    if isinstance(context, WorkflowSerializationContext):
        return PayloadPlace(context.namespace, context.workflow_id, PayloadKind.RESULT)
    return None


def _fits(place: PayloadPlace, expected: PayloadPlace) -> bool:
    """A workflow's context does not say what the payload is for: `towpath.temporal.arrivals` compares that."""
    if expected.kind is PayloadKind.RESULT:
        return place.is_for(expected.namespace, expected.workflow_id) and place.kind not in GIVEN_BY_ACTIVITIES
    return (
        place.is_for(expected.namespace, expected.workflow_id)
        and place.kind in GIVEN_BY_ACTIVITIES
        and (place.name, place.activity_id) == (expected.name, expected.activity_id)
    )


def _bound(key_id: bytes, written: bytes) -> bytes:
    """What is authenticated beside the content. No key id has a line break."""
    return b"towpath place 1\n%s\n%s" % (key_id, written)


def _unmarked(payload: Payload) -> Payload:
    """Without our own marks: what comes from outside must not bear them."""
    if not any(mark in payload.metadata for mark in MARKS) and payload.metadata.get("encoding") != REFUSED:
        return payload
    metadata = {name: value for name, value in payload.metadata.items() if name not in MARKS}
    if metadata.get("encoding") == REFUSED:
        metadata["encoding"] = b"binary/plain"
    return Payload(metadata=metadata, data=payload.data)


def _refused(reason: str) -> Payload:
    return Payload(metadata={"encoding": REFUSED}, data=reason.encode())


def _no_key(key_id: str) -> str:
    return f"no key {key_id!r}: add it to TOWPATH_ENCRYPTION_KEYS, or it was destroyed"


@lru_cache(maxsize=64)
def _check(secret: bytes) -> bytes:
    return hashlib.blake2b(b"towpath key check", key=secret, digest_size=CHECK_BYTES).hexdigest().encode()


@lru_cache(maxsize=64)
def _cipher(secret: bytes) -> "AESGCM":
    aead = import_module("cryptography.hazmat.primitives.ciphers.aead")
    return aead.AESGCM(secret)
