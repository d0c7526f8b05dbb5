"""Values of any text in Temporal's lists, on a real server: each is found by its own query, and by no other."""

from itertools import product
from typing import Any
from uuid import uuid4

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from tests.integration.commands import starter
from tests.integration.conftest import House
from tests.integration.definitions import document, start
from tests.integration.test_emitting import LISTENS, until_listed
from tests.waiting import until
from towpath.contracts.core.listing import as_listed, in_query
from towpath.contracts.core.process import AWAITED_EVENTS, SUBJECT
from towpath.contracts.declared.published import Publication
from towpath.contracts.declared.run import DECLARED, CloudEvent
from towpath.control.definitions import Definitions
from towpath.control.emitting import emit
from towpath.engine.checks.loading import digest
from towpath.temporal.attributes import search_key

DRAWN = ["".join(text) for length in (1, 2) for text in product("a'\"\\\n%", repeat=length)]
ODD = ["it's", "'led", "ends'", 'say "x"', "back\\slash", "a'b\"c\\d", "two\nlines", "100%", "x' OR 'a' = 'a"]


async def test_every_text_is_found_by_its_query(bare_house: House) -> None:
    """What is shown is asked for, in an attribute of one value and in one of several."""
    client, keys = bare_house.client, (search_key(SUBJECT), search_key(AWAITED_EVENTS))
    texts = dict.fromkeys((*ODD, *DRAWN))
    for number, text in enumerate(texts):
        pairs = [SearchAttributePair(keys[0], as_listed(text)), SearchAttributePair(keys[1], [as_listed(text), "a"])]
        attributes = TypedSearchAttributes(pairs)
        await client.start_workflow("unserved", id=f"odd-{number}", task_queue="none", search_attributes=attributes)
    await until(lambda: client.count_workflows("WorkflowType = 'unserved'"), lambda found: found.count == len(texts))
    for number, text in enumerate(texts):
        one = f"{SUBJECT.name} = {in_query(as_listed(text))}"
        several = f"{AWAITED_EVENTS.name} IN ({in_query('none')}, {in_query(as_listed(text))})"
        assert [run.id async for run in client.list_workflows(one)] == [f"odd-{number}"], text
        if text != "a":
            assert f"odd-{number}" in [run.id async for run in client.list_workflows(several)], text
    for number in range(len(texts)):
        await client.get_workflow_handle(f"odd-{number}").terminate()


async def test_an_event_of_any_type_finds_who_waits_and_what_it_starts(bare_house: House) -> None:
    """A type with quotes or backslashes reaches the run that waits for it, and starts the definition that listens."""
    async with bare_house.worker():
        for number, text in enumerate(ODD):
            wait: dict[str, Any] = {"id": "told", "type": "wait", "config": {"event": text}}
            waits: dict[str, Any] = {"id": "waits", "version": "1.0.0", "steps": [wait]}
            handle = await start(bare_house, waits, {})
            given = document(LISTENS.format(name=f"odd-{number}", event="x", version="1.0.0"))
            given["triggers"] = [{"type": "event", "source": text, "inputs": {"word": "x"}}]
            publication = Publication(document=given, source="", digest=digest(given), by="kim")
            await Definitions(bare_house.client).publish(f"odd-{number}", publication)
            await until_listed(bare_house, f"odd-{number}")
            shown = f"WorkflowId = '{handle.id}' AND AwaitedEvents IS NOT NULL"
            await until(lambda query=shown: bare_house.client.count_workflows(query), lambda found: found.count == 1)
            event = CloudEvent(id=uuid4().hex, type=text)
            emitted = await emit(bare_house.client, event)
            assert (emitted.told, emitted.started) == ([handle.id], [f"odd-{number}/{event.id}"]), text
            await handle.result()
            await bare_house.client.get_workflow_handle(emitted.started[0]).result()


async def test_a_run_from_before_is_found(bare_house: House) -> None:
    """A run that showed its event with the quote in it, as earlier versions did, gets it."""
    client = bare_house.client
    shown = TypedSearchAttributes([SearchAttributePair(search_key(AWAITED_EVENTS), ["it's"])])
    handle = await client.start_workflow(DECLARED, {}, id="before", task_queue="none", search_attributes=shown)
    await until(lambda: client.count_workflows("WorkflowId = 'before'"), lambda found: found.count == 1)
    assert (await emit(client, CloudEvent(id="e", type="it's"))).told == ["before"]
    await handle.terminate()


async def test_a_command_says_what_no_list_finds(bare_house: House) -> None:
    """Instead of an empty list, or an error of the server."""
    for arguments in (
        ["review", "list", "--team", 'a"b'],
        ["queue", "list", "a\\b"],
        ["runs", "list", "--status", "'"],
    ):
        code, _, problems = await starter(bare_house, *arguments)
        assert code == 2 and "no list finds a text with" in problems
    code, output, problems = await starter(bare_house, "runs", "list", "--process", "it's", "--json")
    assert (code, output.strip()) == (0, "[]"), problems
