"""Quotations: those of a post, and whether they stand in the source word for word."""

import re

_QUOTED = re.compile(r"“([^“”\n]{1,1000})”|\"([^\"\n]{1,1000})\"|「([^「」\n]{1,1000})」|«([^«»\n]{1,1000})»")
_LEAST = 12
"""Shorter ones are a term or an ironic word, not what somebody said."""
_STYLES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "「": '"', "」": '"', "*": "", "`": ""})
_EMPHASIS = re.compile(r"(?<![^\W_])_{1,2}(?=\S)|(?<=\S)_{1,2}(?![^\W_])")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\([^()\s]{1,500}\)")
_LINE_START = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)


def quoted(text: str) -> tuple[str, ...]:
    """What a text puts between double quotation marks, from 12 characters and two words on, its end mark left out.

    An ellipsis within parts it, for each side must stand in the source.
    """
    found = (next(part for part in match.groups() if part is not None) for match in _QUOTED.finditer(text))
    parts = (part.strip(" .,;:!?") for quote in found for part in re.split(r"…|\.{3}|\[…\]", quote))
    return tuple(part for part in parts if len(part) >= _LEAST and len(part.split()) > 1)


def comparable(text: str) -> str:
    """The words of a text: without markdown's emphasis, links and quoting, space as one space, marks in one form."""
    plain = _LINK.sub(r"\1", _LINE_START.sub("", text)).translate(_STYLES)
    return " ".join(_EMPHASIS.sub("", plain).split())
