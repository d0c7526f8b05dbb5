"""Did you mean: the nearest of the names that would have been right."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_COMPARED = 2_000


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar name, or None when none is near. Letter case and the choice of - or _ do not count."""
    if len(name) > 100:
        return None
    plain = {_plain(other): other for other in list(known)[:MOST_COMPARED]}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`: did you mean 'x'?`, else `; known: a, b, c` for a short list, else nothing."""
    names = sorted(known)
    found = nearest(name, names)
    if found is not None:
        return f": did you mean {found!r}?"
    if names and len(names) <= 12:
        return f"; known: {', '.join(names)}"
    return ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
