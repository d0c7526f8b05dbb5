"""What no path may be written like that a request, a definition or a pipeline names, wherever it leads."""

import re

LONGEST, LONGEST_NAME = 4096, 255
"""Bytes of a path, and of a name in it: what file systems take."""
_FORMS = (
    (re.compile(r"[\x00-\x1f\x7f-\x9f]"), "has control characters", "leave them out"),
    (re.compile(r"^\s*$"), "is empty", "name a file or a folder"),
    (re.compile(r"^:"), "is a name of DuckDB's and no file", "name a file, as in data/orders.duckdb"),
    (re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:/"), "is an address and no path", "write the path alone, or s3://…"),
    (re.compile(r"%(?:2[eEfF]|5[cC]|00)"), "has dots or slashes in percent encoding", "write them as they are"),
    (re.compile(r"(?:^|/)\.\.(?:/|$)"), "has .. in it, which leads elsewhere", "write the path without it"),
    (re.compile(r"^~"), "begins with ~, which is not looked up", "write the folder out"),
)


def path_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with a path, and the mend; None when nothing is."""
    found = next(((what, mend) for form, what, mend in _FORMS if form.search(text)), None)
    return found or _size(text)


def _size(text: str) -> tuple[str, str] | None:
    try:
        sizes = [len(part.encode()) for part in text.split("/")]
    except UnicodeEncodeError:
        return "is no text in UTF-8", "write it in letters that are"
    if max(sizes) > LONGEST_NAME or sum(sizes) + len(sizes) > LONGEST:
        return f"is longer than {LONGEST} bytes, or a name in it than {LONGEST_NAME}", "take shorter names"
    return None
