"""Did you mean: the nearest of the names that would have been right."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MOST_COMPARED = 300
MOST_LISTED = 16


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar name, or None when none is near. Letter case and the choice of - or _ do not count."""
    if len(name) > 100:
        return None
    names = list(known)
    if len(names) > MOST_COMPARED:
        # Among thousands of names, those that begin or end alike: slips of the pen seldom change both ends.
        begin, end = name[:2].lower(), name[-2:].lower()
        alike = (other for other in names if other[:2].lower() == begin or other[-2:].lower() == end)
        names = list(islice(alike, MOST_COMPARED))
    wanted, plain = _plain(name), {_plain(other): other for other in names}
    found = get_close_matches(wanted, plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'x'?`, else `; known: a, b, c` for a short list, else nothing."""
    names = list(known)
    found = nearest(name, names)
    if found is not None:
        return f": did you mean {found!r}?"
    if 0 < len(names) <= MOST_LISTED:
        return f"; known: {', '.join(sorted(names))}"
    return ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
