"""Text of a source as UTF-8, whatever it was written in. Bytes that are no text are marked, so that their row is found.

A mark is U+FDD0, which Unicode never assigns, and a private character that stands for the byte. A NUL is marked too:
PostgreSQL keeps none in a text.
"""

import base64
import codecs
import re
from collections.abc import Iterator

from pydantic import JsonValue

from towpath.contracts.pipeline.encodings import CUTTABLE, codec_of
from towpath.dataplane.core.arrow import is_utf8
from towpath.dataplane.core.quarantine import BYTES

MARK = "\ufdd0"
MARKING = "towpath.mark"
"""The `errors` of a decoder that marks."""
_FIRST = 0xE000
_HIGH = 0x80
_MARK_BYTES = MARK.encode()
_MARKED = re.compile(f"{MARK}([\ue000-\ue0ff])")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    if not error.encoding.startswith("utf"):
        # Some codecs take the line end behind a broken character for a part of it.
        bad = next((bad[:end] for end in range(1, len(bad)) if bad[end] < _HIGH), bad)
    return "".join(map(_marked, bad)), error.start + len(bad)


codecs.register_error(MARKING, _mark)


def _marked(byte: int) -> str:
    return MARK + chr(_FIRST + byte)


class Decoded:
    """The pieces of a stretch of text, in UTF-8. `marks` counts bad bytes so far; `quotes`: one was seen."""

    def __init__(self, pieces: Iterator[bytes], encoding: str) -> None:
        codec = codec_of(encoding)
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder(codec)(MARKING)
        self._is_utf8 = codec == "utf_8"
        self._has_ascii = codec in CUTTABLE
        self.marks = 0
        self.quotes = False
        self.size_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size_bytes += len(piece)
            if (text := piece if self._is_plain(piece) else self._decode(piece)) != b"":
                yield text
        if (text := self._decode(b"", final=True)) != b"":
            yield text

    def _is_plain(self, piece: bytes) -> bool:
        """Whether it can stay as it is; it is not decoded to find that out.

        ASCII is the same in all encodings that are cut, unless a character began in the piece before.
        """
        if not self._has_ascii or self._decoder.getstate()[0] or b"\0" in piece:
            return False
        plain = piece.isascii() or (self._is_utf8 and not _may_have_marks(piece) and is_utf8(piece))
        self.quotes = self.quotes or (plain and b'"' in piece)
        return plain

    def _decode(self, piece: bytes, *, final: bool = False) -> bytes:
        began = not self._decoder.getstate()[0]
        text = self._decoder.decode(piece, final)
        ended = not self._decoder.getstate()[0]
        if b"\0" in piece:
            text = text.replace("\0", _marked(0))
        marks = text.count(MARK)
        self.marks += marks
        self.quotes = self.quotes or '"' in text
        return piece if self._is_utf8 and began and ended and not marks else text.encode()


def _may_have_marks(piece: bytes) -> bool:
    """One byte is looked for first, which takes a tenth of the time."""
    return _MARK_BYTES[:1] in piece and _MARK_BYTES in piece


def as_read(text: str, encoding: str) -> JsonValue:
    """A value for the quarantine: itself, or the bytes that it was, when some are no text."""
    if MARK not in text:
        return text
    pieces = _MARKED.split(text)
    read = b"".join(
        bytes([ord(piece) - _FIRST]) if number % 2 else piece.encode(encoding, "replace")
        for number, piece in enumerate(pieces)
    )
    return {BYTES: base64.b64encode(read).decode()}


def shown(encoding: str) -> str:
    """A codec as people write it."""
    return encoding.replace("_", "-")


def bad_bytes(text: str) -> list[str]:
    """The marked bytes of a text, as `0xff`."""
    return [f"0x{ord(mark) - _FIRST:02x}" for mark in _MARKED.findall(text)]
