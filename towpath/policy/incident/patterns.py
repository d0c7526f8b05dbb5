"""Log lines to patterns: lines that differ only in their values are one pattern, and every line is in exactly one."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from towpath.contracts.core.wire import JsonObject, json_object
from towpath.contracts.incident.investigation import LogLine, LogPattern

VALUE = "<*>"
MAX_TEXT = 1_000
"""Characters of a line that are looked at."""
MAX_WORDS = 40
"""What follows them is one value."""
MAX_VARIANTS = 20
"""A word that takes more than so many forms, all else equal, is a value."""
MAX_LINES = 10
LEVELS = ("fatal", "error", "warning", "info", "debug", "")
"""Most severe first; "" is a line that tells no level."""

_SPELLINGS = {
    **dict.fromkeys(("fatal", "critical", "crit", "panic", "emergency", "emerg", "alert"), "fatal"),
    **dict.fromkeys(("error", "err", "severe"), "error"),
    **dict.fromkeys(("warning", "warn"), "warning"),
    **dict.fromkeys(("info", "notice", "information"), "info"),
    **dict.fromkeys(("debug", "trace", "verbose"), "debug"),
}
_TELLING = ("level", "severity", "logger", "component", "event", "msg", "message", "error", "err", "exception")
"""Fields of structured lines that say what happened; the others hold values."""
_KEPT = frozenset({"status", "status_code", "http_status", "code"})
"""Fields whose numbers are names: 404 and 503 are different patterns."""
_TOLD = re.compile(rf"\b({'|'.join(_TELLING)})\s*[=:]\s*\"([^\"]*)\"", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|(?<!\w)\'[^\']{0,500}\'(?!\w)|`[^`]*`')
_NAMES = "|".join(name for name in _SPELLINGS if name not in {"alert", "notice", "severe", "trace", "verbose"})
_LEVEL = re.compile(
    rf"(?:^|[\s\[(|<])(?P<upper>{_NAMES.upper()})(?=[\s\])|>:,]|$)"
    rf"|(?i:(?:^|\[|\b(?:level|severity)=\"?)(?P<any>{_NAMES})\b|\b(?P<colon>{_NAMES}):)"
)
"""A level is written in capitals, in brackets, at the beginning, before a colon, or in its field: not in a sentence."""
_LEVEL_FIELDS = ("level", "severity", "lvl")
_KEY = re.compile(r"([A-Za-z_][\w.-]{0,60}=)(.*)", re.DOTALL)
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"(?:[\w.:@%+-]|<\*>)+")
_HEX = re.compile(r"[0-9a-fA-F]{8,}|[0-9a-fA-F]{2,}(?:[:-][0-9a-fA-F]{2,}){3,}")
_ACCESS = re.compile(r"\b(HTTP/[0-9.]{1,4})\"?\s+(?=[1-5][0-9]{2}\b)")
_VALUES = re.compile(r"<\*>(?:[\s,;:./-]*<\*>)+")


def patterns(lines: Sequence[LogLine]) -> tuple[LogPattern, ...]:
    """All patterns, the most severe level first, then by count, then as first seen. Linear in the lines.

    Values are what holds a digit, a quoted text, a long hexadecimal word, the value of a field that tells no message,
    and a word with more than 20 forms in places that are alike otherwise. Numbers of `status` and `code` fields stay.
    """
    groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
    for line in lines:
        key = _read(line)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(line.at, line.at)
        group.add(line)
    merged: dict[tuple[str, tuple[str, ...]], _Group] = {}
    for key, widened in zip(groups, _widened(groups.keys()), strict=True):
        known = merged.get(widened)
        if known is None:
            merged[widened] = groups[key]
        else:
            known.join(groups[key])
    found = [group.pattern(*key) for key, group in merged.items()]
    return tuple(sorted(found, key=lambda pattern: (LEVELS.index(pattern.level), -pattern.count, pattern.lines[0])))


def most_telling(found: Sequence[LogPattern], limit: int) -> tuple[LogPattern, ...]:
    """At most `limit` patterns: errors first, then the rest by level, the newest first: what is new may be a cause."""
    severe = [pattern for pattern in found if pattern.level in {"fatal", "error"}][:limit]
    rest = [pattern for pattern in found if pattern.level not in {"fatal", "error"}]
    rest.sort(key=lambda pattern: (LEVELS.index(pattern.level), -pattern.first_seen.timestamp()))
    return (*severe, *rest[: limit - len(severe)])


def sample(found: Iterable[LogPattern], lines: Sequence[LogLine], limit: int = 200) -> tuple[LogLine, ...]:
    """The lines that patterns point to, in turn from each pattern until there are `limit`, oldest first."""
    by_number = {line.number: line for line in lines}
    chosen: dict[int, LogLine] = {}
    waiting = [list(pattern.lines) for pattern in found]
    for turn in range(MAX_LINES):
        for numbers in waiting:
            if turn < len(numbers) and len(chosen) < limit and numbers[turn] in by_number:
                chosen[numbers[turn]] = by_number[numbers[turn]]
    return tuple(chosen[number] for number in sorted(chosen))


def _read(line: LogLine) -> tuple[str, tuple[str, ...]]:
    """Level and words of a line."""
    text = line.text[:MAX_TEXT].strip()
    fields = json_object(line.text) if text.startswith("{") else None
    if fields is not None:
        named = next((str(fields[name]) for name in _LEVEL_FIELDS if name in fields), "")
        text = _told(fields)
    else:
        named, text = _named_level(text), _unquoted(text)
    words = [_masked(word) for word in text.split(None, MAX_WORDS)]
    if len(words) > MAX_WORDS:
        words = [*words[:MAX_WORDS], VALUE]
    level = _SPELLINGS.get(line.level.strip().lower()) or _SPELLINGS.get(named.strip().lower(), "")
    return level, tuple(words)


def _named_level(text: str) -> str:
    """What the head of a line calls its level."""
    found = _LEVEL.search(text, 0, 120)
    return "" if found is None else found["upper"] or found["any"] or found["colon"]


@dataclass(slots=True)
class _Group:
    first: datetime
    last: datetime
    count: int = 0
    lines: list[int] = field(default_factory=list[int])

    def add(self, line: LogLine) -> None:
        self.count += 1
        self.first, self.last = min(self.first, line.at), max(self.last, line.at)
        if len(self.lines) < MAX_LINES:
            self.lines.append(line.number)

    def join(self, other: "_Group") -> None:
        self.count += other.count
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.lines = sorted(self.lines + other.lines)[:MAX_LINES]

    def pattern(self, level: str, words: tuple[str, ...]) -> LogPattern:
        return LogPattern(
            template=_VALUES.sub(VALUE, " ".join(words)),
            count=self.count,
            first_seen=self.first,
            last_seen=self.last,
            level=level,
            lines=tuple(self.lines),
        )


def _unquoted(text: str) -> str:
    """Quoted texts are values, but for those of the fields that say what happened."""
    if '"' in text or "'" in text or "`" in text:
        text = _QUOTED.sub(VALUE, _TOLD.sub(r"\1=\2", text))
    return _ACCESS.sub(r"\1 status=", text) if "HTTP/" in text else text


def _told(fields: JsonObject) -> str:
    """A structured line as the fields that say what happened; all its names where there are none."""
    kept = {name: value for name, value in fields.items() if name.lower() in _TELLING or name.lower() in _KEPT}
    told = [f"{name}={value}" for name, value in sorted(kept.items()) if isinstance(value, (str, int, float))]
    return " ".join(told)[:MAX_TEXT] or " ".join(f"{name}={VALUE}" for name in sorted(fields))


@lru_cache(maxsize=100_000)
def _masked(word: str) -> str:
    """A word without its values; separators stay, so that `id=7,` and `id=8,` are one word."""
    key = _KEY.fullmatch(word)
    if key is not None:
        name, value = key[1], key[2]
        kept = name[:-1].lower() in _KEPT or name[:-1].lower() in _TELLING
        return name + (value if kept and len(value) <= 40 else _masked(value) if kept else VALUE)
    if _DIGIT.search(word) is None and _HEX.search(word) is None:
        return word
    return _WORD.sub(_part, word)


def _part(match: re.Match[str]) -> str:
    part = match[0]
    return VALUE if _DIGIT.search(part) is not None or _HEX.fullmatch(part) is not None else part


def _widened(keys: Collection[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """The keys, in their order, with words that take too many forms as values.

    A template without one of its words is named by the sum of hashes of its words and their places, less that word's:
    so each place costs the same, however long the template is. Templates are all different, so those that are the same
    without one word have so many forms of it.
    """
    found = [list(words) for _, words in keys]
    sums = [
        _hash(-1, f"{level} {len(words)}") + sum(_hash(place, word) for place, word in enumerate(words))
        for level, words in keys
    ]
    for place in range(max((len(words) for _, words in keys), default=0)):
        rests = [
            total - _hash(place, words[place]) if place < len(words) else None
            for (_, words), total in zip(keys, sums, strict=True)
        ]
        forms = Counter(rests)
        for words, rest in zip(found, rests, strict=True):
            if rest is not None and forms[rest] > MAX_VARIANTS:
                words[place] = VALUE
    return [(level, tuple(words)) for (level, _), words in zip(keys, found, strict=True)]


@lru_cache(maxsize=200_000)
def _hash(place: int, word: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{place} {word}".encode(errors="replace"), digest_size=8).digest())
