"""Markdown and characters that must not travel, as runs see them that began before `__init__` and 2**10 were kept."""

import re

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that turn the direction of a text so that it reads as another."""
_BREAKS = re.compile(r"\r\n?|[\u2028\u2029\u0085]")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\(<?(https?://[^\s()<>]{1,500})>?\)")
_BOLD = re.compile(r"(\*\*|__)(?=[^\s*_])([^*_\n]{1,500})\1")
_HEADING = re.compile(r"^#{1,6}[ \t]+(?=\S)", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*```[^\n]{0,50}\n?", re.MULTILINE)
_NESTED = 5


def cleaned(text: str) -> str:
    """The text without control characters and directional overrides, with plain line breaks and no empty edges."""
    return _BREAKS.sub("\n", _UNSEEN.sub("", text)).strip()


def markdown_in(text: str) -> str | None:
    """The first piece of markdown that readers would see as signs, or None: link, bold, heading, fence."""
    found = [match for pattern in (_LINK, _BOLD, _HEADING, _FENCE) if (match := pattern.search(text)) is not None]
    return min(found, key=lambda match: match.start()).group().strip() if found else None


def without_markdown(text: str) -> str:
    """The text as plain words: a link becomes its text and its address, the rest loses its signs."""
    for _ in range(_NESTED):
        plain = _LINK.sub(_spelled_out, text)
        plain = _FENCE.sub("", _HEADING.sub("", _BOLD.sub(r"\2", plain)))
        if plain == text:
            return text
        text = plain
    return re.sub(r"\*\*|__|```|\]\(|^#+[ \t]", " ", text, flags=re.MULTILINE) if markdown_in(text) else text


def _spelled_out(match: re.Match[str]) -> str:
    label, address = match.groups()
    return address if label.strip() == address else f"{label} {address}"
