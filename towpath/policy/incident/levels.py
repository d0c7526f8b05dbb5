"""What the labels of an alert say of its severity: words of many houses, as one level.

Whatever label tells it, the highest word counts. A word that nobody knows, or no word at all, is level 3: people are
called and find out. Nothing is taken for harmless that is not said to be.
"""

import re
import unicodedata
from collections.abc import Mapping

from towpath.contracts.incident.alerts import Alert

NAMES = frozenset({"severity", "priority"})
UNKNOWN = 3
"""The lowest level that pages."""

_WORDS = {
    4: "critical crit fatal page emergency emerg disaster panic alert blocker urgent highest p0 p1 sev0 sev1 s0 s1",
    3: "error err high major p2 sev2 s2",
    2: "warning warn medium moderate average minor p3 sev3 s3",
    1: "info informational information none low lowest notice debug trivial ok p4 p5 sev4 sev5 s4 s5",
}
WORDS: Mapping[str, int] = {word: level for level, words in _WORDS.items() for word in words.split()}
FORMER_WORDS: Mapping[str, int] = {
    word: level
    for level, words in {
        4: "critical page emergency disaster p1 sev1",
        3: "error high major p2 sev2",
        1: "info none low notice p4 p5",
    }.items()
    for word in words.split()
}
"""What runs knew that began before December 2026; other words were warnings, and `severity` the only label."""
_PARTING = re.compile(r"[^\w]+|_+")
_NUMBERED = re.compile(r"(?:sev(?:erity)?|p(?:rio(?:rity)?)?|s)([0-5])")


def level_of(labels: Mapping[str, str]) -> int:
    """The level by the labels named severity or priority, in any case of letters."""
    said = [_level(value) for name, value in labels.items() if name.strip().casefold() in NAMES and value.strip()]
    return max(said, default=UNKNOWN)


def former_level_of(labels: Mapping[str, str]) -> int:
    return FORMER_WORDS.get(labels.get("severity", "").strip().lower(), 2)


def level_of_alert(alert: Alert) -> int:
    """As it was read from all labels when the alert came, else by those that are kept."""
    return alert.level or level_of(alert.labels)


def former_level_of_alert(alert: Alert) -> int:
    return alert.level or former_level_of(alert.labels)


def _level(value: str) -> int:
    """A value of several words is never below UNKNOWN: what else it says, nobody knows."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    known = _word(_PARTING.sub("", folded))
    return known or max(UNKNOWN, *(_word(word) for word in _PARTING.split(folded)))


def _word(word: str) -> int:
    """0 for one that is not known."""
    numbered = _NUMBERED.fullmatch(word)
    return WORDS.get(f"p{numbered[1]}" if numbered else word, 0)
