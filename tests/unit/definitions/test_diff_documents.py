"""What changed in the documents of a definition: only what is called of them can change what a run does."""

import json
from typing import Any

import pytest

from tests.fakes.documents import frozen
from towpath.engine.checks.loading import digest, load_plan
from towpath.engine.language.diff import Comparison, compare

Json = dict[str, Any]


def document(**changes: Any) -> Json:
    """A definition with one document, parts of which are changed by their paths: `frozen__server`."""
    documents: Json = json.loads(json.dumps(frozen("order")))
    for name, value in changes.items():
        *path, last = name.split("__")
        place: Json = documents["d"]
        for part in path:
            place = place[part]
        place[last] = value
    steps = [{"id": "s", "type": "openapi", "config": {"document": "d", "operation": "order"}}]
    return {"id": "a", "version": "1.0.0", "documents": documents, "steps": steps}


def compared(old: Json, new: Json) -> Comparison:
    return compare(*(load_plan(digest(given), given).definition for given in (old, new)))


@pytest.mark.parametrize(
    ("changes", "what", "bump"),
    [
        ({}, None, "none"),
        ({"frozen__digest": "1" * 64}, "the document d changed", "patch"),
        ({"frozen__operations__order__path": "/else"}, "d order is described otherwise", "minor"),
        ({"frozen__server": "https://else.example"}, "d is called elsewhere", "minor"),
        ({"openapi": "e.json"}, "the document d is another one: d.json by receiver", "minor"),
        ({"connection": "other"}, "d.json by other", "minor"),
    ],
)
def test_a_changed_document(changes: Json, what: str | None, bump: str) -> None:
    """Each change is told with the bump that it needs; a change of the digest makes another definition."""
    old, new = document(), document(**changes)
    found = compared(old, new)
    assert found.required_bump == bump
    assert [change.what for change in found.changes if what and what in change.what] != [] or what is None
    assert (digest(old) == digest(new)) is (not changes)


def test_a_document_that_comes_and_goes() -> None:
    """With the steps that call it, or without."""
    plain: Json = {**document(), "steps": [{"id": "s", "type": "set"}]}
    none = {name: value for name, value in plain.items() if name != "documents"}
    assert [change.what for change in compared(none, plain).changes] == ["a new document d"]
    assert [change.what for change in compared(plain, none).changes] == ["the document d is gone"]


def test_what_was_not_fetched_is_not_compared() -> None:
    """A file whose document is at an address, against a published version, where nothing was frozen yet."""
    old, new = document(), document()
    del new["documents"]["d"]["frozen"]
    assert compared(old, new).changes == ()
