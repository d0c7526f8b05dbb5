"""Lines of text files: where a file may be cut, and which lines open a quote that nothing closes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

QUOTE, NEWLINE = b'"', b"\n"
LONGEST_RECORD = 1024**2
"""Bytes. A quoted value over several lines is at most so long; beyond it the quote counts as a stray one."""


class Cut(NamedTuple):
    """Bytes from `start` to `end`; `line` is the number of the line at `start`."""

    start: int
    end: int
    line: int


def whole(start: int, end: int, line: int) -> list[Cut]:
    """A file that is not cut. What is not cut need not be read to see where."""
    return [Cut(start, end, line)] if end > start else []


def cut_at_lines(
    pieces: Iterable[bytes], start: int, line: int, target: int, *, quoted: bool, line_end: bytes = NEWLINE
) -> list[Cut]:
    """Stretches of about `target` bytes. With `quoted`, a line end after an odd number of quotes lies inside a value.

    Stray quotes may hide a place to cut at. A cut they put inside a value costs its row: the first half is quarantined.
    """
    cuts: list[Cut] = []
    at, first, first_line, odd = start, start, line, False
    for piece in pieces:
        done = 0
        while at + len(piece) - first >= target:
            wanted = max(first + target - 1 - at, done)
            found, inside = _line_end(piece, line_end, wanted, done, odd=odd and quoted, quoted=quoted)
            if found < 0:
                break
            line += piece.count(line_end, done, found + 1)
            odd, done = inside, found + 1
            cuts.append(Cut(first, at + done, first_line))
            first, first_line = at + done, line
        line += piece.count(line_end, done)
        odd ^= bool(piece.count(QUOTE, done) & 1)
        at += len(piece)
    if at > first:
        cuts.append(Cut(first, at, first_line))
    return cuts


def _line_end(piece: bytes, line_end: bytes, wanted: int, counted: int, *, odd: bool, quoted: bool) -> tuple[int, bool]:
    """The first line end outside of quotes from `wanted` on; `odd` is the state at `counted`."""
    found = piece.find(line_end, wanted)
    while found >= 0:
        if quoted:
            odd ^= bool(piece.count(QUOTE, counted, found) & 1)
            counted = found
        if not odd:
            return found, odd
        found = piece.find(line_end, found + 1)
    return -1, odd


class StrayQuotes:
    """Passes lines on, but not the first of a quoted value that is not closed within `LONGEST_RECORD`.

    Such a line is rejected, and an empty one stands in its place.
    Used only where reading failed, since it looks at each line.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        delimiter: str,
        line: int,
        reject: Callable[[int, bytes], None],
        line_end: bytes = NEWLINE,
    ) -> None:
        self._lines = whole_lines(pieces, line_end)
        self._line_end = line_end
        self._opening = delimiter.encode() + QUOTE
        self._line = line
        self._reject = reject

    def __iter__(self) -> Iterator[bytes]:
        again: deque[bytes] = deque()
        held: list[bytes] = []
        size = 0
        while True:
            text = again.popleft() if again else next(self._lines, None)
            if text is not None:
                is_open = self._is_open(text, inside=bool(held))
                held.append(text)
                size += len(text)
                if size <= LONGEST_RECORD:
                    if is_open:
                        continue
                    self._line += len(held)
                    yield from held
                    held, size = [], 0
                    continue
            if not held:
                return
            self._reject(self._line, held[0].rstrip(b"\r\n"))
            self._line += 1
            yield self._line_end
            again.extendleft(reversed(held[1:]))
            held, size = [], 0

    def _is_open(self, text: bytes, *, inside: bool) -> bool:
        """Whether the line ends inside a quoted value. Only the first character of a value opens one."""
        at = 0 if inside else 1 if text.startswith(QUOTE) else self._opened(text, 0)
        while at >= 0:
            at = _closing(text, at)
            if at < 0:
                return True
            at = self._opened(text, at)
        return False

    def _opened(self, text: bytes, at: int) -> int:
        """The place after the next quote that opens a value, -1 when none does."""
        found = text.find(self._opening, at)
        return -1 if found < 0 else found + len(self._opening)


def _closing(text: bytes, at: int) -> int:
    """The place after the quote that ends a value, -1 when none does."""
    while (found := text.find(QUOTE, at)) >= 0:
        if text[found + 1 : found + 2] != QUOTE:
            return found + 1
        at = found + 2
    return -1


def whole_lines(pieces: Iterable[bytes], line_end: bytes = NEWLINE) -> Iterator[bytes]:
    """Lines with their ends. Of one that is longer than `LONGEST_RECORD` the end is left out, not its line end."""
    rest = b""
    for piece in pieces:
        first, *others = piece.split(line_end)
        rest += first[: LONGEST_RECORD + 1 - len(rest)]
        for text in others:
            yield rest + line_end
            rest = text
    if rest:
        yield rest
