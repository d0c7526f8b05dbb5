"""The oldest Python of each minor release that a worker may run with, and why."""

from collections.abc import Sequence

OLDEST = {(3, 11): 15, (3, 12): 13, (3, 13): 12}
"""The first that have all fixes of the `email` package against headers that break out of their line: CVE-2024-6923
(3.11.10, 3.12.5), CVE-2026-1299 and the folding of comments (these)."""


def python_problem(version: Sequence[int]) -> str:
    """What is wrong with a Python, by `sys.version_info`; empty for one that may be used."""
    major, minor, patch = version[:3]
    oldest = OLDEST.get((major, minor))
    if oldest is None or patch >= oldest:
        return ""
    wanted = ", ".join(f"{first}.{second}.{third}" for (first, second), third in OLDEST.items())
    return (
        f"Python {major}.{minor}.{patch} lets text break out of the headers of a mail (CVE-2024-6923, CVE-2026-1299): "
        f"use {wanted} or later"
    )
