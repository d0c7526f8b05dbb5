"""Histories from before payloads had places replay where encryption is demanded since a later date."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.replay.test_replay import HISTORIES, WORKFLOWS
from towpath.control.temporal import converter
from towpath.integrations.storage.codec import EncryptionCodec
from towpath.temporal.arrivals import payloads_of
from towpath.temporal.places import EncryptionRule
from workflows.sandbox import runner

KEY = bytes(range(32))
LATER = EncryptionRule(required=True, since=datetime.now(UTC) + timedelta(days=365))
"""Some histories were recorded with a clock that skips ahead, by weeks."""
ALWAYS = EncryptionRule(required=True)
SAMPLE = HISTORIES[::8]


def stored(path: Path, *, encrypted: bool) -> WorkflowHistory:
    """A history; `encrypted` as this project did before: the key's name was all that was authenticated."""
    written = json.loads(path.read_text(encoding="utf-8"))
    history = WorkflowHistory.from_json(written["workflow_id"], written["history"])
    for event in history.events if encrypted else ():
        # Markers are the core's own: no codec sees them.
        for payload in payloads_of(event) if not event.HasField("marker_recorded_event_attributes") else ():
            nonce = os.urandom(12)
            data = nonce + AESGCM(KEY).encrypt(nonce, payload.SerializeToString(), b"k1")
            payload.Clear()
            payload.metadata["encoding"] = b"binary/encrypted"
            payload.metadata["encryption-key-id"] = b"k1"
            payload.data = data
    return history


async def replay(history: WorkflowHistory, rule: EncryptionRule) -> Exception | None:
    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=runner(encryption=rule),
        data_converter=converter(EncryptionCodec({"k2": bytes(32), "k1": KEY}, rule)),
    )
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "in clear"])
@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.stem)
async def test_what_was_accepted_before_replays_after(path: Path, *, encrypted: bool) -> None:
    """By the date of the migration; without one it does not: no run goes on by what nobody authenticated."""
    assert await replay(stored(path, encrypted=encrypted), LATER) is None
    assert await replay(stored(path, encrypted=encrypted), EncryptionRule()) is None
    assert await replay(stored(path, encrypted=encrypted), ALWAYS) is not None
