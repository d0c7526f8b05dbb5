"""Regular expressions that come from outside, on RE2: its time grows with the text, whatever the pattern is.

They are written as JSON Schema says, in ECMA-262 with the flag `u`, as far as an automaton can do it: no look-around
and no references to groups (https://github.com/google/re2/wiki/Syntax). Of Python's words, `\\A`, `\\Z`, `(?P<name>`
and the flags `i` and `m` are taken as well. A pattern is found anywhere in a text.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import re2

from towpath.engine.matching.dialect import PatternError, translate

LONGEST = 1_000
"""Characters of a pattern."""
MOST_PLACES = 10_000
"""Places of a pattern at which a match can stand, with all its repetitions written out."""
MOST_WORK = 50_000_000
"""Places times bytes of text: that takes a second at the worst, and a hundredth of one as a rule."""
MEMORY = 4 * 1024 * 1024


class TooMuchWorkError(ValueError):
    """A text is too long for its pattern."""


class _Compiled(Protocol):
    def search(self, text: bytes) -> object | None: ...

    def fullmatch(self, text: bytes) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was taken. `places` bounds what a byte of text costs."""

    text: str
    places: int
    _compiled: "_Compiled"

    def work(self, text: str) -> int:
        """Bounds what a look costs."""
        return self.places * (len(text) if text.isascii() else len(_bytes(text)))

    def is_in(self, text: str) -> bool:
        """Whether the pattern matches some part of the text. Raises TooMuchWorkError."""
        return self._compiled.search(self._bounded(text)) is not None

    def is_all_of(self, text: str) -> bool:
        """Whether the pattern matches the text as a whole. Raises TooMuchWorkError."""
        return self._compiled.fullmatch(self._bounded(text)) is not None

    def _bounded(self, text: str) -> bytes:
        found = _bytes(text)
        if self.places * len(found) > MOST_WORK:
            raise TooMuchWorkError(f"it is too long for its pattern {self.text!r}")
        return found


def _bytes(text: str) -> bytes:
    """Half a character is one that no pattern names."""
    return text.encode(errors="replace")


@lru_cache(maxsize=1_000)
def read_pattern(text: str) -> Pattern:
    """Raises PatternError."""
    if len(text) > LONGEST:
        raise PatternError(f"it has more than {LONGEST:,} characters", "split it, or say less")
    translated, places = translate(text)
    if places > MOST_PLACES:
        raise PatternError("its repetitions multiply to too much", "repeat less, or use maxLength and minLength")
    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, MEMORY
    try:
        return Pattern(text, places, re2.compile(translated.encode(), options))
    except re2.error as error:
        raise _refused(error) from None
    except UnicodeEncodeError:
        raise PatternError("it holds half of a character", "write the whole one") from None


def _refused(error: Exception) -> PatternError:
    told = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else ""
    if "repetition size" in told:
        return PatternError("it repeats more than 1,000 times, or backwards", "use maxLength and minLength")
    if "too large" in told:
        return PatternError("its repetitions multiply to too much", "repeat less, or use maxLength and minLength")
    return PatternError(f"it is no regular expression: {told}", "write it as ECMA-262 says, and try it in an editor")
