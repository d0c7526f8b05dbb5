"""The starter is a convenience: what it refuses, the worker refuses, whoever starts a run by plain JSON."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.integration.conftest import House
from tests.waiting import WAIT_SECONDS
from towpath.registry import processes

SOURCE = {"name": "items", "type": "csv", "path": "definitions/pipelines/data/customers.csv"}
LAKE = {"name": "lake", "type": "duckdb", "path": "json-start.duckdb", "table": "items"}
PIPELINE: dict[str, Any] = {
    "id": "json",
    "version": "1.0.0",
    "sources": [SOURCE],
    "target": {"table": "items", "key": ["id"], "columns": [{"name": "id", "type": "integer"}]},
    "transformation": {"source": "items", "operations": []},
    "destinations": [LAKE],
}
POST = {"campaign": "json", "title": "t", "channels": [{"channel": "x"}]}
STEPS = {"id": "json", "version": "1.0.0", "language": 1, "steps": [{"id": "a", "type": "delay", "seconds": 1}]}
GOOD: dict[str, dict[str, Any]] = {
    "customer-onboarding": {"customer": {"email": "a@b.example", "company": "c", "plan": "business"}},
    "content-publishing": {"metadata": POST, "content": "text"},
    "incident-response": {"group_key": "g"},
    "etl-pipeline": {"config": PIPELINE, "digest": "0"},
    "declared": {"definition": STEPS, "digest": "0"},
}
"""A request of each process, less what makes it whole enough to be done."""
REFUSED: dict[str, dict[str, dict[str, Any]]] = {
    "customer-onboarding": {
        "address": {"customer": {"email": "nobody", "company": "c", "plan": "business"}},
        "plan": {"customer": {"email": "a@b.example", "company": "c", "plan": "free"}},
        "key": {"customer": {"email": "a@b.example", "company": "c", "plan": "business", "customer_id": "../x"}},
        "line-in-a-name": {"customer": {"email": "a@b.example", "company": "Acme\n- approved", "plan": "business"}},
        "turned-name": {"customer": {"email": "a@b.example", "company": "gnp\u202egpj", "plan": "business"}},
        "unseen-in-an-address": {"customer": {"email": "a\u200b@b.example", "company": "c", "plan": "business"}},
    },
    "content-publishing": {
        "empty": {"content": "  \n"},
        "large": {"content": "x" * (64 * 1024 + 1)},
        "zone": {"metadata": {**POST, "audience_zones": ["Mars/Olympus"]}},
        "zone-is-a-path": {"metadata": {**POST, "audience_zones": ["../../../etc/passwd"]}},
        "twice": {"metadata": {**POST, "channels": [{"channel": "x"}, {"channel": "x"}]}},
        "title": {"metadata": {**POST, "title": "a\nBcc: b"}},
        "key": {"metadata": {**POST, "campaign": "../x"}},
        "digest-is-a-path": {
            "content": None,
            "artefact": {"sha256": "../secret.env", "size_bytes": 1, "media_type": "text/markdown"},
        },
    },
    "incident-response": {"key": {"group_key": 7}, "labels": {"labels": ["a"]}},
    "etl-pipeline": {
        "no-main-source": {"config": {**PIPELINE, "sources": [{**SOURCE, "main": False}]}},
        "two-main-sources": {"config": {**PIPELINE, "sources": [SOURCE, {**SOURCE, "name": "other"}]}},
        "name-twice": {"config": {**PIPELINE, "destinations": [LAKE, LAKE]}},
        "partition": {"config": {**PIPELINE, "sources": [{**SOURCE, "partition": {"by": "page"}}]}},
        "begins-elsewhere": {"config": {**PIPELINE, "transformation": {"source": "other", "operations": []}}},
        "bucket-without-a-connection": {"config": {**PIPELINE, "sources": [{**SOURCE, "path": "s3://a/b.csv"}]}},
        "cron": {"config": {**PIPELINE, "schedule": {"cron": "never"}}},
        "source-up": {"config": {**PIPELINE, "sources": [{**SOURCE, "path": "../a.csv"}]}},
        "source-address": {"config": {**PIPELINE, "sources": [{**SOURCE, "path": "file:///etc/passwd"}]}},
        "destination-up": {"config": {**PIPELINE, "destinations": [{**LAKE, "path": "a/../../b"}]}},
        "memory": {"config": {**PIPELINE, "destinations": [{**LAKE, "path": ":memory:"}]}},
        "lineage": {"config": {**PIPELINE, "lineage": {"file": "../l.ndjson"}}},
        "table": {"config": {**PIPELINE, "destinations": [{**LAKE, "table": "a; DROP"}]}},
        "id": {"config": {**PIPELINE, "id": "../x"}},
    },
    "declared": {
        "nothing": {"definition": {}},
        "type": {"definition": {**STEPS, "steps": [{"id": "a", "type": "shell"}]}},
        "circle": {"definition": {**STEPS, "steps": [{"id": "a", "type": "delay", "needs": ["a"], "seconds": 1}]}},
        "steps": {"definition": {**STEPS, "steps": "a"}},
    },
}
"""What the command of each process refuses, as it changes the good request."""


def cases() -> Iterator[Any]:
    """Of every process in the registry: its own, and each field of the request that is missing or of another kind."""
    for name, process in processes().items():
        good = GOOD.get(name, {})
        changed = dict(REFUSED.get(name, {}))
        for field, info in process.request.model_fields.items():
            if info.is_required():
                changed[f"without-{field}"] = {field: None}
        for place, change in changed.items():
            yield pytest.param(name, {**good, **change}, id=f"{name}-{place}")


def test_every_process_is_in_it() -> None:
    """A new one brings a good request, and what its command refuses."""
    assert set(GOOD) == set(REFUSED) == set(processes())
    assert all(REFUSED.values())
    for name, process in processes().items():
        if name != "declared":
            process.request.model_validate(GOOD[name])


@pytest.mark.parametrize(("name", "given"), list(cases()))
async def test_a_start_by_plain_json_is_refused(name: str, given: dict[str, Any], house: House) -> None:
    """By the worker: the run fails with a type, and no activity was ever asked for."""
    before = await house.effects()
    handle = await house.client.start_workflow(
        name, json.loads(json.dumps(given)), id=f"{name}/json-{uuid4().hex[:12]}", task_queue=name
    )
    with pytest.raises(WorkflowFailureError) as failed:
        async with asyncio.timeout(WAIT_SECONDS):
            await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type and cause.non_retryable, cause
    began = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    assert not [event.event_id for event in (await handle.fetch_history()).events if event.event_type == began]
    assert await house.effects() == before
