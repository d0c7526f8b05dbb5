"""Patterns as the engine compiles them: RE2, without our limits."""

import duckdb

from towpath.dataplane.core.columns import literal, statement

RE2_SYNTAX = "write it as https://github.com/google/re2/wiki/Syntax says; a backslash is doubled in quotes of JSON"


def pattern_problem(pattern: str) -> str | None:
    """Why the engine does not take a pattern; None when it does."""
    try:
        duckdb.execute(statement("SELECT regexp_full_match('', {pattern})", pattern=literal(pattern))).fetchone()
    except duckdb.Error:
        return "the pattern is no RE2 expression"
    return None
