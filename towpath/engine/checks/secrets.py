"""Secrets in plain text, anywhere in a definition: by what they look like, and by the names of their fields."""

import re
from typing import Any

from towpath.engine.language.diagnostics import Path
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source
from towpath.engine.language.vocabulary import SECRET_NAME, SECRET_TEXT, UNNAMED

LONGEST_LOOKED_AT = 5_000
_PLAIN_SECRET = re.compile(SECRET_TEXT)
_SECRET_NAME = re.compile(SECRET_NAME)


def check_secrets(source: Source) -> None:
    """Report each text that looks like a secret, and each literal value of a field that is named like one."""
    clean: set[str] = set()
    waiting: list[tuple[Path, Any, bool]] = [((), source.value, True)]
    while waiting:
        path, value, named = waiting.pop()
        if isinstance(value, str):
            if named and _is_named(path, value):
                _report(source, path)
            elif value not in clean:
                if _PLAIN_SECRET.search(value[:LONGEST_LOOKED_AT]):
                    _report(source, path)
                else:
                    clean.add(value)
            continue
        for name, inner in (as_object(value) or {}).items():
            by_name = named and not (name in UNNAMED and (not path or path[-1] == "config"))
            waiting.append(((*path, name), inner, by_name))
        waiting.extend(((*path, index), inner, named) for index, inner in enumerate(as_list(value) or []))


def _is_named(path: Path, value: str) -> bool:
    name = path[-1] if path else ""
    return isinstance(name, str) and len(value) > 5 and "{{" not in value and _SECRET_NAME.search(name) is not None


def _report(source: Source, path: Path) -> None:
    what = "this looks like a secret in plain text"
    source.report(path, "secret.plain", what, 'write "{{ secrets.NAME }}", and set NAME in TOWPATH_SECRETS')
