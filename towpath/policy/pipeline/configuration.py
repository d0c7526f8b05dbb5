"""A pipeline's file to its configuration: nothing unknown passes, and every problem has its place and its mend."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from towpath.contracts.core import review
from towpath.contracts.core.wire import canonical_digest
from towpath.contracts.pipeline import loading, pipeline, quality, scheduling, transformation
from towpath.contracts.pipeline.inspection import PipelineFinding
from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.engine.checks.check import told
from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.diagnostics import Diagnostic, Path, has_errors
from towpath.engine.language.explaining import PATTERNS, shown
from towpath.engine.language.reading import place_in
from towpath.engine.language.shapes import as_list, as_object
from towpath.engine.language.source import Source, read_source
from towpath.policy.pipeline.configuration_checks import ConfigurationChecks

MANUAL = "docs/pipelines/reference"
TIMES = frozenset({"lag", "at_most", "retention", "deadline", "catchup"})
"""Fields that are written as durations: 15m, 2h, 7d."""
NULLS = frozenset({"on_error", "otherwise"})
"""Fields of which `null` is a word: without quotes YAML reads it as no value."""
_QUOTED = re.compile(r"'([^']{1,60})'")
_FIELDS = sorted(
    {
        name
        for module in (loading, pipeline, quality, review, scheduling, transformation)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name in model.model_fields
    }
)


@dataclass(frozen=True)
class CheckedPipeline:
    """A file after its checks. `config` may be used when `ok`."""

    source: Source
    config: PipelineConfig | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return self.config is not None and not has_errors(self.diagnostics)


def check_pipeline(text: str | bytes, timezones: frozenset[str] | None = None) -> CheckedPipeline:
    """Never raises: whatever a text holds ends in diagnostics. Without `timezones` theirs are not checked."""
    source = read_source(text)
    config = None
    if source.value is not None or not source.diagnostics:
        config = _read(source)
    if config is not None:
        ConfigurationChecks(source, config, timezones).check()
    return CheckedPipeline(source, config, told(source.diagnostics))


def with_findings(checked: CheckedPipeline, findings: Iterable[PipelineFinding]) -> CheckedPipeline:
    """With what an engine found in it, each at its place: at the word that is meant, where the message quotes one."""
    source = checked.source
    for one in findings:
        path: Path = tuple(int(part) if part.isdigit() else part for part in one.place.split("."))
        severity = "warning" if one.is_warning else "error"
        at = _word(source.value_at(path), one.message)
        source.report(path, one.code, one.message, one.mend, at=at, severity=severity)
    return replace(checked, diagnostics=told(source.diagnostics))


def _word(value: object, message: str) -> int | None:
    quoted = _QUOTED.search(message)
    if quoted is None or not isinstance(value, str):
        return None
    found = re.search(rf"(?<!\w){re.escape(quoted[1])}(?!\w)", value, re.IGNORECASE)
    return None if found is None else found.start()


def pipeline_digest(config: PipelineConfig) -> str:
    """The same whatever the configuration's file looks like."""
    return canonical_digest(config.model_dump(mode="json"))


def _read(source: Source) -> PipelineConfig | None:
    given = as_object(source.value)
    if given is None:
        source.report((), "document.type", "a pipeline is a mapping", f"see {MANUAL}")
        return None
    value = _with_times(source, given, ())
    try:
        return PipelineConfig.model_validate(value, extra="forbid")
    except ValidationError as error:
        told: set[Path] = set()
        for problem in error.errors(include_url=False):
            place = place_in(given, problem)
            if place not in told and not _is_noise(given, problem):
                told.add(place)
                _explain(source, place, problem)
    return None


def _is_noise(given: dict[str, Any], problem: ErrorDetails) -> bool:
    """What is wrong with the other kind of transformation, and lists that are empty for what is told already."""
    place = problem["loc"]
    if place[0] == "transformation" and len(place) > 1:
        proposes = "propose" in (as_object(given.get("transformation")) or {})
        return place[1] == ("Specification" if proposes else "Proposing")
    return problem["type"] == "too_short" and bool(problem["input"])


def _with_times(source: Source, value: Any, path: Path) -> Any:
    """The document with its durations read, since pydantic only knows those of ISO 8601, and with `null` as a word."""
    fields, items = as_object(value), as_list(value)
    if items is not None:
        return [_with_times(source, item, (*path, index)) for index, item in enumerate(items)]
    if fields is None:
        return _time(source, value, path) if path and path[-1] in TIMES else value
    worded = {name: "null" if item is None and name in NULLS else item for name, item in fields.items()}
    return {name: _with_times(source, item, (*path, name)) for name, item in worded.items()}


def _time(source: Source, value: Any, path: Path) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        source.report(path, "duration.unit", f"{shown(value)} has no unit", f'write "{value}s", or 15m, 2h, 7d')
        return "PT0S"
    found = parse_duration(value) if isinstance(value, str) else None
    return value if found is None else found


def _explain(source: Source, path: Path, problem: ErrorDetails) -> None:
    kind, given = problem["type"], problem["input"]
    name = str(problem["loc"][-1]) if problem["loc"] else ""
    if kind == "missing":
        source.report(path, "field.missing", f"{name!r} is missing", f"add {name}: …")
    elif kind == "extra_forbidden":
        hint = did_you_mean(name, _FIELDS).removeprefix(": ").removeprefix("; ")
        source.report(path, "field.unknown", f"there is no field {name!r} here", hint, key=True)
    elif kind == "string_pattern_mismatch":
        pattern = str(problem.get("ctx", {}).get("pattern"))
        what, mend = PATTERNS.get(pattern, (f"is not written as it must be: {pattern}", ""))
        source.report(path, "field.text", f"{shown(given)} {what}", mend)
    elif kind in {"union_tag_invalid", "union_tag_not_found"}:
        _choice(source, path, problem)
    elif kind == "value_error":
        source.report(path, "field.value", problem["msg"].removeprefix("Value error, "), f"see {MANUAL}")
    else:
        source.report(path, "field.value", f"{shown(given)}: {problem['msg'].lower()}", f"see {MANUAL}")


def _choice(source: Source, path: Path, problem: ErrorDetails) -> None:
    """A member of a union that says by a field which one it is."""
    context = problem.get("ctx", {})
    field = str(context.get("discriminator", "'type'")).strip("'")
    tags = [tag.strip().strip("'") for tag in str(context.get("expected_tags", "")).split(",") if tag.strip()]
    if problem["type"] == "union_tag_not_found":
        source.report(path, f"{field}.missing", f"it has no {field}", f"add {field}: …")
        return
    tag = str(context.get("tag", ""))
    hint = did_you_mean(tag, tags).removeprefix(": ").removeprefix("; ")
    source.report((*path, field), f"{field}.unknown", f"there is no {field} {tag!r}", hint)
