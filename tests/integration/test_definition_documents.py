"""OpenAPI documents that definitions name: fetched at publishing, frozen for every run, called once whatever dies."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.unit.guarded_http.loopback import Loopback
from tests.waiting import until
from towpath.contracts.declared.run import DeclaredOutcome
from towpath.control.definitions import Definitions

ORDERS = Path(__file__).resolve().parents[2] / "towpath" / "openapi" / "orders.json"
DEFINITION = """
id: {name}
version: "1.0.0"
inputs: {{reference: {{type: string}}}}
documents:
  shop: {{openapi: "{place}", connection: shop}}
steps:
  - id: reserve
    type: openapi
    retry: {{max_attempts: 8, initial: 1s}}
    config:
      document: shop
      operation: reserveStock
      params: {{reference: "{{{{ inputs.reference }}}}", items: [{{sku: A-1, quantity: 2}}]}}
    compensate:
      type: openapi
      config: {{document: shop, operation: releaseStock, params: {{reference: "{{{{ inputs.reference }}}}"}}}}
  - id: look
    type: openapi
    config: {{document: shop, operation: getOrder, params: {{reference: "{{{{ inputs.reference }}}}"}}}}
  - {{id: boom, type: raise, when: "inputs.reference == 'undone'", config: {{title: So}}}}
outputs: {{reservation: "{{{{ steps.reserve.reservation_id }}}}", order: "{{{{ steps.look.reference }}}}"}}
"""


TESTS = """
tests:
  - name: good
    inputs: {reference: a}
    answers: {reserve: {output: {reservation_id: r}}, look: {output: {reference: a}}}
    expect: {outputs: {reservation: r, order: a}, calls: [reserve, look]}
"""


def settings(house: House, folder: Path, **more: Any) -> Mapping[str, str]:
    """A connection to the orders, whose address and token no document says; documents may come from it, too."""
    here: dict[str, Any] = {"hosts": ["127.0.0.1"], "allow_http": True, "allow_private": True}
    token = {"authorization": {"$text": ["Bearer ", {"$secret": "SHOP"}]}}
    entry = {**here, "base_url": f"{house.standins.url}/orders", "headers": token, **more}
    file = folder / "connections.json"
    file.write_text(json.dumps({"shop": entry}))
    return {"TOWPATH_CONNECTIONS_FILE": str(file), "TOWPATH_SECRETS": json.dumps({"SHOP": "stand-in"})}


def written(folder: Path, place: str = "orders.json") -> tuple[str, Path]:
    name = f"shop-{uuid4().hex[:8]}"
    file = folder / f"{name}.yaml"
    file.write_text(DEFINITION.format(name=name, place=place))
    return name, file


async def test_worker_killed_in_a_call(bare_house: House, tmp_path: Path) -> None:
    """Killed after the effect, its document changed and gone meanwhile: the run ends as it began, the effect is one."""
    env = settings(bare_house, tmp_path)
    (tmp_path / "orders.json").write_bytes(ORDERS.read_bytes())
    name, file = written(tmp_path)
    definitions, reference = Definitions(bare_house.client), f"r-{uuid4().hex[:8]}"
    held = await bare_house.fault(
        service="orders", operation="reserveStock", reference=reference, hold=True, after_effect=True, times=1
    )
    async with bare_house.worker(env, log=tmp_path / "w.log") as worker:
        code, said, problems = await starter(bare_house, "definition", "publish", str(file), "--as", "dana", env=env)
        assert code == 0, problems
        started = await definitions.start(await definitions.request(name, None, {"reference": reference}), reference)
        await until(lambda: bare_house.hits(held), lambda hits: hits == 1)
        await worker.kill()
    (tmp_path / "orders.json").unlink()
    await bare_house.lift()
    async with bare_house.worker(env):
        result = await started.handle.result()
        effects = await bare_house.effects()
    assert f"{name}@1.0.0 published" in said
    assert result.outcome is DeclaredOutcome.COMPLETED
    assert result.outputs["order"] == reference
    assert [order for order in json.dumps(effects["orders"]).split('"') if order == reference] != []
    assert effects["applied_twice"] == []


@asynccontextmanager
async def documents() -> AsyncGenerator[Loopback]:
    server = Loopback()
    await server.start()
    server.says("/orders.json", headers={"Content-Type": "application/json"}, body=ORDERS.read_bytes())
    try:
        yield server
    finally:
        await server.stop()


async def test_a_document_at_an_address(bare_house: House, tmp_path: Path) -> None:
    """`check` says what it did not check, `publish` fetches, runs do not, and `diff` tells what changed."""
    env = settings(bare_house, tmp_path)
    async with bare_house.worker(env):
        async with documents() as server:
            name, file = written(tmp_path, server.url("/orders.json"))
            checked = await starter(bare_house, "definition", "check", str(file), env=env)
            assert checked[0] == 0 and "was not fetched" in checked[2] and "1 warning" in checked[1]
            assert server.seen == []
            published = await starter(bare_house, "definition", "publish", str(file), "--as", "dana", env=env)
            assert published[0] == 0, published[2]
            assert [request.headers["authorization"] for request in server.seen] == ["Bearer stand-in"]
            changed = ORDERS.read_text().replace('"quantity"', '"count"')
            server.says("/orders.json", body=changed.encode())
            wrong = await starter(bare_house, "definition", "diff", name, str(file), env=env)
            assert wrong[0] == 1 and "misses count" in wrong[2], wrong
            file.write_text(file.read_text().replace("quantity:", "count:").replace("1.0.0", "1.0.1"))
            diff = await starter(bare_house, "definition", "diff", name, str(file), env=env)
            assert "shop reserveStock is described otherwise" in diff[1], diff
            small = await starter(bare_house, "definition", "publish", str(file), "--as", "dana", env=env)
            assert "Make it 1.1.0" in small[2], small
        ended = await starter(bare_house, "run", name, "--input", '{"reference": "still"}', "--wait", env=env)
        assert ended[0] == 0 and '"still"' in ended[1], ended
        gone = await starter(bare_house, "definition", "publish", str(file), "--as", "dana", env=env)
        assert gone[0] != 0 and "document.unusable" in gone[2] and "cannot be fetched" in gone[2], gone
        undone = await starter(bare_house, "run", name, "--input", '{"reference": "undone"}', "--wait", env=env)
        assert undone[0] != 0, undone
    assert (await bare_house.effects())["applied_twice"] == []


async def test_a_file_is_run_and_tested_with_its_document(bare_house: House, tmp_path: Path) -> None:
    """`run FILE` freezes as publishing does, by a connection with limits, too; `definition test` and `plan` need
    neither network nor Temporal.
    """
    env = settings(bare_house, tmp_path, limits={"concurrent": 1})
    (tmp_path / "orders.json").write_bytes(ORDERS.read_bytes())
    _, file = written(tmp_path)
    with file.open("a") as opened:
        opened.write(TESTS)
    async with bare_house.worker(env):
        ended = await starter(bare_house, "run", str(file), "--input", '{"reference": "file"}', "--wait", env=env)
    assert ended[0] == 0 and '"file"' in ended[1], ended
    tested = await starter(bare_house, "definition", "test", str(file), env=env)
    assert tested[0] == 0 and "✓ good" in tested[1], tested
    plan = await starter(bare_house, "definition", "plan", str(file), env=env)
    assert plan[0] == 0 and "openapi" in plan[1], plan
    outside = tmp_path / "inner"
    outside.mkdir()
    _, other = written(outside, "../orders.json")
    refused = await starter(bare_house, "definition", "check", str(other), env=env)
    assert refused[0] != 0 and "not beside the definition" in refused[2], refused
