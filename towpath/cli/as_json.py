"""What `--json` prints: one document, or a line for each thing that happens."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def show_json(value: BaseModel | dict[str, Any] | Sequence[Any]) -> None:
    sys.stdout.write(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False) + "\n")


def show_json_line(value: Mapping[str, Any]) -> None:
    """For a command that goes on: whoever reads it sees each line at once."""
    sys.stdout.write(json.dumps(to_jsonable_python(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()
