"""Encryption of payloads: AES-256-GCM with named keys, so that keys can be rotated and old histories still be read."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
NONCE_BYTES = 12
KEY_BYTES = 32


class DecryptionError(Exception):
    """A payload cannot be read: its key is unknown here, or it was altered."""


class EncryptionCodec(PayloadCodec):
    """Encrypts with the first key, decrypts with any. The key's id is stored beside the data and authenticated.

    Payloads in other encodings pass unchanged, so encryption can be switched on over running workflows.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys`: id to 32 bytes, the one to encrypt with first. Raises ValueError."""
        wrong = [name for name, key in keys.items() if len(key) != KEY_BYTES]
        if not keys or wrong:
            raise ValueError(f"encryption keys must have {KEY_BYTES} bytes: {', '.join(wrong) or 'none given'}")
        # Loaded with the first key: a command without keys need not wait for them.
        aead = import_module("cryptography.hazmat.primitives.ciphers.aead")
        self._altered: type[Exception] = import_module("cryptography.exceptions").InvalidTag
        self._ciphers: dict[str, AESGCM] = {name: aead.AESGCM(key) for name, key in keys.items()}
        self._current = next(iter(keys))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        key_id = self._current.encode()
        data = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), key_id)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id}, data=nonce + data)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"")
        cipher = self._ciphers.get(key_id.decode(errors="replace"))
        if cipher is None:
            raise DecryptionError(f"no key {key_id.decode(errors='replace')!r}: add it to TOWPATH_ENCRYPTION_KEYS")
        nonce, data = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            plain = cipher.decrypt(nonce, data, key_id)
        except self._altered as error:
            raise DecryptionError(f"a payload encrypted with {key_id.decode()!r} was altered") from error
        return Payload.FromString(plain)
