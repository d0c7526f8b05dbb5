"""Bodies that real programs sent, as tests read them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "recorded"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def text(name: str) -> str:
    """The body, byte for byte."""
    document: dict[str, str] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert document["how"]
    return document["body"]


def body(name: str) -> dict[str, Any]:
    return json.loads(text(name))
