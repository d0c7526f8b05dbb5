"""JSON as `--json` prints it, one document or a line for each thing that happens, and as options take it."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from towpath.cli.files import read_text
from towpath.cli.terminal import Exit, fail
from towpath.contracts.core.wire import JsonObject, json_object

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def show_json(value: BaseModel | dict[str, Any] | Sequence[Any]) -> None:
    sys.stdout.write(visible(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False)) + "\n")


def show_json_line(value: Mapping[str, Any]) -> None:
    """For a command that goes on: whoever reads it sees each line at once."""
    sys.stdout.write(visible(json.dumps(to_jsonable_python(value), ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def visible(document: str) -> str:
    """The same JSON, in which letters that move a terminal or are not seen are written as JSON escapes them."""
    if document.replace("\n", "").isprintable():
        return document
    return "".join(
        letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in document
    )


def parsed_json(text: str, what: str) -> JsonValue:
    """The value of an option. Ends the command for what is no JSON."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        fail(Exit.WRONG_INPUT, f"{what}: is not JSON; a text needs quotes: '\"text\"'")
    return value


def json_argument(given: str) -> JsonObject:
    """The object of `--input`: as it stands, in a file, or from stdin for `-`. Ends the command for what is none."""
    text = given if given.lstrip().startswith("{") else read_text(Path(given))
    found = json_object(text)
    if found is None:
        fail(Exit.WRONG_INPUT, f"--input: {given[:60]} is no JSON object, and no file that holds one")
    return found
