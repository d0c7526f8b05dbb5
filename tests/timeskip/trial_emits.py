"""Events that a run emits and waits for itself, for the comparison of `definition test` with Temporal."""

from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, TrialCase, case, probe
from tests.timeskip.trial_samples import sample_of


def emit_cases() -> Iterator[TrialCase]:
    """A run that emits what it waits for itself, before and after it began to wait."""
    waits: dict[str, dict[str, Any]] = {
        "waits": {},
        "waits for its subject": {"correlate": "s"},
        "waits for another subject": {"correlate": "other"},
        "waits for its data": {"filter": "event.data.a[0] == 1"},
        "waits for other data": {"filter": "event.data.a[0] == 2"},
    }
    emit = probe("emit", sample_of("emit").config)
    for name, more in waits.items():
        wait = {"id": "wait", "type": "wait", "config": {"event": "probe", "within": "1h", **more}}
        yield case(f"emit: then {name}", [BEFORE, emit, wait])
        yield case(f"emit: meanwhile {name}", [BEFORE, {"parallel": [wait, emit]}, AFTER])
    loop = {"on_event": "probe", "as": "line", "until": "line.data.last", "within": "1h"}
    each = {"id": "each", "type": "set", "config": {"a": "{{ line.data.n }}"}, "for_each": loop}
    config = {"type": "probe", "data": {"n": "{{ item }}", "last": "{{ item == 3 }}"}}
    many = probe("emit", config, for_each={"in": [1, 2, 3], "concurrency": 1})
    yield case("emit: for each, into a loop", [BEFORE, {"parallel": [each, many]}, AFTER])
    for config in (
        {"type": "{{ '' }}"},
        {"type": "{{ 'pro' + 'be' }}"},
        {"type": "probe", "data": "{{ uuid() == '' }}"},
    ):
        yield case(f"emit: {config}", [BEFORE, probe("emit", config), AFTER])
