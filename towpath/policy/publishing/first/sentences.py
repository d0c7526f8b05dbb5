"""Where sentences end and which hashtags a text holds, for runs that began before X's own grammar was used."""

import re
from itertools import pairwise

_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]{0,3}(?=\s|$)|[。！？]+[」』”’)]{0,3}|\n+)")
_ABBREVIATIONS = frozenset(
    {
        "e.g",
        "i.e",
        "etc",
        "vs",
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "no",
        "inc",
        "ltd",
        "co",
        "corp",
        "approx",
        "u.s",
    }
)
_LAST_WORD = re.compile(r"[\w.]{1,12}$")
HASHTAG = re.compile(r"(?<![\w&/#＃])[#＃](?=\d*[^\W\d])\w{1,100}")


def sentence_ends(text: str) -> list[int]:
    """Offsets just behind each sentence, the end of the text included when it holds more than space."""
    ends: list[int] = []
    for match in _END.finditer(text):
        before = _LAST_WORD.search(text, max(0, match.start() - 12), match.start())
        if match.group() == "." and before is not None and before.group().lower() in _ABBREVIATIONS:
            continue
        ends.append(match.end())
    if text[ends[-1] if ends else 0 :].strip():
        ends.append(len(text))
    return ends


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the space around them."""
    starts = [0, *sentence_ends(text)]
    parts = [text[start:end].strip() for start, end in pairwise(starts)]
    return [part for part in parts if part]


def hashtags(text: str) -> tuple[str, ...]:
    """Hashtags as written, each as often as it stands there. `#1` is none, as on X."""
    return tuple(HASHTAG.findall(text))


def hashtag(word: str) -> str:
    """A word or phrase as a hashtag, or nothing when no letter is left: `durable execution` is `#durableexecution`."""
    letters = "".join(re.findall(r"\w+", word.replace("_", "")))[:100]
    return f"#{letters}" if letters and not letters.isdecimal() else ""
