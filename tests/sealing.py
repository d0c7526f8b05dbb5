"""Encryption of the stacks under test: demanded in some of the modules that have a real server."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from towpath.integrations.storage.codec import EncryptionCodec
from towpath.temporal.places import EncryptionRule

SUITE = "integration"
ONE_IN = 4
"""So many modules share one with encryption, in a sample."""
IN_CLEAR = frozenset({"test_bucket_stores", "test_encryption", "test_from_outside", "test_problems"})
"""Modules with clients of their own that have no key."""
KEY = hashlib.sha256(b"key of the tests").digest()
REQUIRED = EncryptionRule(required=True)


@dataclass
class Sealing:
    """Whether the stacks that are opened now demand encryption."""

    on: bool = False

    def settings(self) -> Mapping[str, str]:
        """For worker.py and starter.py."""
        return settings_with({"t1": KEY}) if self.on else {}

    def codec(self) -> EncryptionCodec | None:
        """For a client of a test."""
        return EncryptionCodec({"t1": KEY}, REQUIRED) if self.on else None


def settings_with(keys: Mapping[str, bytes]) -> dict[str, str]:
    """Settings that demand encryption with these keys."""
    pairs = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items())
    return {"TOWPATH_ENCRYPTION": "require", "TOWPATH_ENCRYPTION_KEYS": pairs}


SEALING = Sealing()


def is_sealed(config: pytest.Config, module: Path) -> bool:
    """By `--encryption on`, `off`, or `sample`, which draws by the seed."""
    if module.parent.name != SUITE or module.stem in IN_CLEAR or config.option.encryption == "off":
        return False
    drawn = hashlib.sha256(f"{config.option.seed}/sealed/{module.stem}".encode()).digest()
    return config.option.encryption == "on" or drawn[0] % ONE_IN == 0


def modules_with(config: pytest.Config) -> Sequence[str]:
    """The modules whose stacks demand encryption in this run."""
    found = sorted((Path(__file__).parent / SUITE).glob("test_*.py"))
    return [f"{SUITE}/{module.name}" for module in found if is_sealed(config, module)]
