"""Payloads, artefacts and past incidents in a bucket that speaks S3: processes run to their end, and read it back."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import obstore
import pytest
import pytest_asyncio
from pydantic import JsonValue
from temporalio.client import Client

from tests.fakes.seaweed import KEY, SECRET, s3_server
from tests.integration.commands import starter
from tests.integration.conftest import House, open_house
from tests.integration.definitions import document, start
from tests.integration.incidents import approve, break_shop, environment, tell, until_view
from towpath.blobs.folder import BlobFolder
from towpath.blobs.store import Access
from towpath.contracts.incident.incident import IncidentOutcome
from towpath.contracts.incident.remediation import ActionState
from towpath.control.again import SentAgain
from towpath.control.temporal import converter
from towpath.dataplane.core.connections import S3Connection
from towpath.dataplane.core.objects import open_bucket
from towpath.integrations.observe.incident_archive import IncidentArchive
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError
from towpath.integrations.storage.payloads import THRESHOLD_BYTES, PayloadStore
from towpath.local.processes import ChildEndedError

BUCKET = "towpath"
PAYLOADS, ARTEFACTS = f"s3://{BUCKET}/payloads", f"s3://{BUCKET}/artefacts"
LARGE = """
id: large
version: "1.0.0"
inputs: {words: {type: array}}
steps:
  - {id: slept, type: wait, config: {for: 1s}}
outputs: {words: "{{ inputs.words }}"}
"""


@dataclass(frozen=True)
class Stack:
    house: House
    s3: S3Connection
    access: Access

    def kept(self, folder: str) -> dict[str, bytes]:
        """Objects by their names below a folder of the bucket."""
        bucket = open_bucket(BUCKET, self.s3)
        paths = [one["path"] for chunk in obstore.list(bucket, folder) for one in chunk]
        return {path.removeprefix(f"{folder}/"): bytes(obstore.get(bucket, path).bytes()) for path in paths}

    def copy_payloads(self) -> None:
        """Into the folder by which the histories of this house are replayed: it is laid out like the bucket."""
        folder = self.house.folder / "copied"
        for name, content in self.kept("payloads").items():
            BlobFolder(folder).put(name, content)
        self.house.watch.payloads = str(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("buckets")
    with s3_server() as s3:
        access = Access({"endpoint": s3.endpoint or "", "access_key_id": KEY, "secret_access_key": SECRET})
        async with open_house(folder) as house:
            env = environment(house, **settings(access))
            client = await Client.connect(
                house.server.address,
                data_converter=converter(None, PayloadStore(PAYLOADS, access)),
                interceptors=[SentAgain()],
            )
            async with house.worker(env, folder / "worker.log"):
                yield Stack(replace(house, client=client), s3, access)


def settings(access: Access) -> dict[str, str]:
    return {
        "TOWPATH_PAYLOAD_STORE": PAYLOADS,
        "TOWPATH_ARTEFACT_STORE": ARTEFACTS,
        "TOWPATH_STORE_OPTIONS": json.dumps(dict(access.options)),
    }


async def test_a_run_with_large_payloads(stack: Stack) -> None:
    """Inputs and results above 128 KiB go by way of the bucket, and a person's command reads them there."""
    words: list[JsonValue] = ["x" * 1_000] * (THRESHOLD_BYTES // 1_000 + 1)
    try:
        handle = await start(stack.house, document(LARGE), {"words": words})
        result = await handle.result()
    finally:
        stack.copy_payloads()

    assert result.outputs == {"words": words}
    assert any(b"x" * 1_000 in content for content in stack.kept("payloads").values())
    assert not list((stack.house.folder / "payloads").rglob("*"))
    command = ("runs", "result", handle.id, "--json")
    code, output, problems = await starter(stack.house, *command, env=settings(stack.access))
    assert code == 0, problems
    assert json.loads(output)["outputs"] == {"words": words}


async def test_an_incident_to_its_end(stack: Stack) -> None:
    """Its logs, its post-mortem and its record lie in the bucket; an altered text is refused, by the command, too."""
    house = stack.house
    await break_shop(house, "checkout", "bad-deployment")
    handle = await tell(house, "checkout")
    await approve(house, handle.id)
    await until_view(handle, lambda view: bool(view.actions) and view.actions[0].state is ActionState.VERIFIED)
    await tell(house, "checkout", resolved=True)
    result = await handle.result()
    stack.copy_payloads()

    assert (result.outcome, result.degraded) == (IncidentOutcome.RESOLVED, {})
    assert result.post_mortem is not None
    text = await ArtefactStore(ARTEFACTS, stack.access).read(result.post_mortem)
    (record,) = await IncidentArchive(ARTEFACTS, stack.access).records()
    assert record.incident_id.startswith(handle.id)
    command = ("incident", "show", handle.id, "--post-mortem")
    code, output, problems = await starter(house, *command, env=settings(stack.access))
    assert code == 0 and text.decode().split()[0] in output, problems

    digest = result.post_mortem.sha256
    obstore.put(open_bucket(BUCKET, stack.s3), f"artefacts/{digest[:2]}/{digest}", text + b"!")
    with pytest.raises(ArtefactStoreError, match="was altered"):
        await ArtefactStore(ARTEFACTS, stack.access).read(result.post_mortem)
    code, _, problems = await starter(house, *command, env=settings(stack.access))
    assert code == 3 and "was altered" in problems


async def test_a_worker_that_may_not_write_there_does_not_start(stack: Stack, tmp_path: Path) -> None:
    """It says which setting, and why; never the key."""
    options = dict(stack.access.options) | {"secret_access_key": "hunter2"}
    refused = settings(stack.access) | {"TOWPATH_STORE_OPTIONS": json.dumps(options)}
    log = tmp_path / "worker.log"
    with pytest.raises(ChildEndedError, match="ended with 2"):
        async with stack.house.worker(environment(stack.house, **refused), log):
            pass

    said = log.read_text()
    assert f"TOWPATH_PAYLOAD_STORE: {PAYLOADS} cannot be written: the bucket does not allow it" in said
    assert "hunter2" not in said
