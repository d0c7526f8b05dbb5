"""What is wrong with a file or a body is said in words, with place and mend, and never with the value."""

from datetime import datetime
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from towpath.engine.language.mistakes import mistakes

HUSH = "sk-hush"


class Part(BaseModel):
    at: datetime


class Document(BaseModel):
    """A field for each kind of mistake that people make."""

    model_config = ConfigDict(extra="forbid")
    name: str = "x"
    token: str = Field(default="x", pattern="^[a-z]+$", min_length=1)
    ports: tuple[int, ...] = Field(default=(1,), min_length=1)
    share: float = Field(default=0, ge=0, lt=1)
    open: bool = False
    kind: Literal["a", "b"] = "a"
    parts: list[Part] = []
    texts: dict[str, str] = {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"name": 5}', "name: must be a text: put it in quotes"),
        ('{"token": "sk-hush"}', "token: does not have the right form"),
        ('{"token": ""}', "token: must not be empty"),
        ('{"ports": "sk-hush"}', "ports: must be a list: write […]"),
        ('{"ports": []}', "ports: must not be empty"),
        ('{"ports": ["sk-hush"]}', "ports.0: must be a whole number"),
        ('{"share": -1}', "share: must be at least 0"),
        ('{"share": 1}', "share: must be below 1"),
        ('{"open": "sk-hush"}', "open: must be true or false, without quotes"),
        ('{"kind": "sk-hush"}', "kind: must be 'a' or 'b'"),
        ('{"parts": [{"at": "sk-hush"}]}', "parts.0.at: must be a time, as in 2026-11-25T12:00:00Z"),
        ('{"parts": [{}]}', "parts.0.at: is missing: add it"),
        ('{"texts": ["sk-hush"]}', "texts: must be an object: write {…}"),
        ('{"nmae": "sk-hush"}', "nmae: is not a known field: did you mean 'name'?"),
        ('{"wholly-else": 1}', "wholly-else: is not a known field; known: "),
        ('["sk-hush"]', "must be an object: write {…}"),
        ('{"name": "sk-hush",}', "is not JSON at line 1, column 20: a comma stands after the last entry; remove it"),
        (
            '{"name": "sk-hush"',
            "is not JSON at line 1, column 18: it ends too early; close every text, list and object",
        ),
        (
            '{"name": sk-hush}',
            "is not JSON at line 1, column 10: there is no value of JSON; a text needs double quotes",
        ),
        ('{\n"name" "sk-hush"}', "is not JSON at line 2, column 8: a colon is missing after a name"),
        ('{"name": "x" "a": 1}', "is not JSON at line 1, column 14: a comma is missing between two entries"),
        ("{name: 1}", "is not JSON at line 1, column 2: a name stands without double quotes; quote it"),
        ('{"name": "x"} more', "is not JSON at line 1, column 15: something stands after the end; keep one value"),
    ],
)
def test_each_mistake_has_its_words(given: str, said: str) -> None:
    """One line, from the place to the mend."""
    with pytest.raises(ValidationError) as caught:
        Document.model_validate_json(given)
    (line,) = mistakes(caught.value, Document.model_fields)

    assert line.startswith(said)
    assert HUSH not in line


def test_places_stand_inside_of_an_entry() -> None:
    """Whoever reads the entries of a file one by one says which one it is."""
    with pytest.raises(ValidationError) as caught:
        Document.model_validate({"name": 5, "ports": []})

    assert mistakes(caught.value, inside="crm") == [
        "crm.name: must be a text: put it in quotes",
        "crm.ports: must not be empty",
    ]
