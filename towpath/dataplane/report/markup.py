"""HTML and SVG as nested calls: every text is escaped, and there is no other way to put one in."""

from html import escape
from typing import NewType

Markup = NewType("Markup", str)
"""Text that is markup already."""
_VOID = frozenset({"meta", "br", "hr"})


def text(value: str) -> Markup:
    return Markup(escape(value, quote=True))


def tag(name: str, /, *children: Markup, **attributes: object) -> Markup:
    """An element. `class_` is the class; `_` in other names is `-`; attributes that are None are left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{''.join(children)}</{name}>")


def texts(*values: str) -> tuple[Markup, ...]:
    return tuple(text(value) for value in values)


def joined(*parts: Markup) -> Markup:
    return Markup("".join(parts))


def style(css: str) -> Markup:
    """Our own sheet, as it is."""
    return Markup(f"<style>{css}</style>")
