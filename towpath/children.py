"""The environment of a child process: what it needs, by name. Keys and tokens of this process stay in it."""

import os
from collections.abc import Mapping

USUAL = frozenset(
    {
        *{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "PYTHONPATH", "VIRTUAL_ENV"},
        *{"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONUTF8"},
        *{"PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONUNBUFFERED", "COLUMNS", "TERM"},
    }
)
"""What any program may want to know of the machine."""
LOCALE = "LC_"
WORKER_SETTINGS = ("TOWPATH_", "ANTHROPIC_", "TEMPORAL_", "AWS_", "CLAUDE_")
"""What a worker reads as its settings, keys among them: no other child is given these."""
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})


def child_environment(given: Mapping[str, str], *, worker: bool = False) -> dict[str, str]:
    """`given`, and what any program needs; for a worker its settings and proxies, too."""
    usual = {name: value for name, value in os.environ.items() if _is_usual(name) or (worker and _is_setting(name))}
    return {**usual, **given}


def _is_usual(name: str) -> bool:
    return name in USUAL or name.startswith(LOCALE)


def _is_setting(name: str) -> bool:
    return name.startswith(WORKER_SETTINGS) or name.upper() in PROXIES
