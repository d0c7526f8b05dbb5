"""What an answer may take: its content coding is undone piece by piece, and never beyond its bounds."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

ACCEPT_ENCODING = "gzip, deflate"
"""No other coding is offered, whatever is installed, and none is undone."""
MAX_ANSWER_BYTES = 16 * 1024**2
MAX_RATIO = 256
"""Decoded bytes for each byte that came. Data of any use stays far below; a bomb reaches 1,030."""
RATIO_FROM_BYTES = 1024**2
"""Below it the ratio does not matter: an answer of one letter a million times is no danger."""
WHOLE_SECONDS = 60.0
MAX_REDIRECTS = 5
SLACK_BYTES = 64 * 1024
"""What compression may add to a body that cannot be compressed."""
PIECE_BYTES = 64 * 1024

_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class AnswerBounds:
    """Of one client: the largest decoded answer, and the longest time from the request to the answer's last byte."""

    max_bytes: int = MAX_ANSWER_BYTES
    seconds: float | None = WHOLE_SECONDS


class CodingError(Exception):
    """An answer in a coding that was not asked for, or that breaks its coding."""


class TooLargeError(Exception):
    """An answer that is larger than allowed."""


class Decoder:
    """The body of one answer. What it holds at a time is one piece."""

    def __init__(self, content_encoding: str, max_bytes: int) -> None:
        """Raises CodingError for a coding that was not asked for."""
        codings = [coding for part in content_encoding.split(",") if (coding := part.strip().lower())]
        wanted = [coding for coding in codings if coding != "identity"]
        if len(wanted) > 1 or not {"gzip", "x-gzip", "deflate"}.issuperset(wanted):
            raise CodingError("a coding that was not asked for")
        self._bits = 0 if not wanted else _ZLIB if wanted[0] == "deflate" else _GZIP
        self._member = zlib.decompressobj(_GZIP) if self._bits == _GZIP else None
        self._begun = b""
        self._max = max_bytes
        self._came = self._made = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises CodingError, and TooLargeError as soon as either form of the body is larger than allowed."""
        self._came += len(data)
        if self._came > self._max + SLACK_BYTES:
            raise TooLargeError(f"larger than {self._max} bytes")
        if self._bits == 0:
            self._count(len(data), 0)
            yield data
            return
        if self._bits == _ZLIB and self._member is None:
            data = self._begun = self._begun + data
            if len(data) < 2:
                return
            # Some servers send the bare stream as deflate.
            self._bits = _ZLIB if _is_zlib(data) else _RAW
        is_full = False
        while data or is_full:
            piece, data = self._piece(data)
            is_full = len(piece) == PIECE_BYTES
            self._count(len(piece), len(data))
            if piece:
                yield piece

    def end(self) -> None:
        """Raises CodingError for a body that was cut off."""
        if self._bits and self._came and (self._member is None or not self._member.eof):
            raise CodingError("cut off")

    def _piece(self, data: bytes) -> tuple[bytes, bytes]:
        """The next piece, and what is left to decode."""
        member = self._member
        if member is None or (member.eof and data and self._bits == _GZIP):
            member = self._member = zlib.decompressobj(self._bits)
        if member.eof:
            if data:
                raise CodingError("broken compression")
            return b"", b""
        try:
            piece = member.decompress(data, PIECE_BYTES)
        except zlib.error:
            raise CodingError("broken compression") from None
        return piece, member.unused_data if member.eof else member.unconsumed_tail

    def _count(self, size: int, left: int) -> None:
        self._made += size
        if self._made > self._max:
            raise TooLargeError(f"larger than {self._max} bytes")
        if self._made > RATIO_FROM_BYTES and self._made > (self._came - left) * MAX_RATIO:
            raise TooLargeError(f"more than {MAX_RATIO} times what was sent")


def _is_zlib(data: bytes) -> bool:
    """RFC 1950, 2.2: the method is 8, and both bytes together are a multiple of 31."""
    return data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0


def no_cookies() -> CookieJar:
    """A jar that takes none: what one service sets is sent neither back to it nor to another one."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
