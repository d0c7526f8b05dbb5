"""Values that are marked: as data within a prompt, and as the name of a secret among inputs."""

import json

from towpath.engine.expression.template import compile_template
from towpath.engine.expression.values import Scope, Value, as_text
from towpath.engine.language.shapes import as_object


def as_data(value: Value) -> str:
    """A value inside a prompt: JSON that can neither end its tag nor open another one."""
    text = value if type(value) is str else as_text(value)
    encoded = json.dumps(text, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"<data>{encoded}</data>"


def prompt_of(text: str, scope: Scope) -> str:
    """A prompt in which every value that a template brings is marked, so that it cannot pass for a word of the prompt.

    Raises ExpressionError.
    """
    parts = compile_template(text).parts
    return "".join(part if isinstance(part, str) else as_data(part.expression.evaluate(scope)) for part in parts)


def secret_of(value: Value) -> str | None:
    """The name that an input with `x-secret` gives."""
    name = (as_object(value) or {}).get("$secret")
    return name if isinstance(name, str) else None
