"""The platforms that can be published on, and the block list, read from their data files."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from pydantic import ValidationError

from towpath.contracts.core.failure import FailureCode, HouseError
from towpath.contracts.core.wire import json_object
from towpath.contracts.prompts import Prompt
from towpath.contracts.publishing.campaign import AdaptationTask, ArticleDraft, PlatformRules, PostDraft, ThreadDraft
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.diagnostics import Path
from towpath.engine.language.mistakes import place_of, words_of
from towpath.engine.language.source import Source, read_source
from towpath.policy.publishing.limits import draft_type

Prompts = Mapping[str, Prompt[AdaptationTask, ThreadDraft | PostDraft | ArticleDraft]]
"""Those that write for a channel, by name."""
BLOCK_LIST = "block-list.txt"


class PlatformFilesError(Exception):
    """The data files cannot be used; the text has one line for each problem: file, line, column, and what to mend."""


class UnknownPlatformError(HouseError):
    """A campaign names a platform that has no data file."""


@dataclass(frozen=True, slots=True)
class Platforms:
    """The newest version of each platform's rules, and what no post may hold."""

    rules: Mapping[str, PlatformRules]
    block_list: tuple[str, ...]

    def named(self, names: Iterable[str]) -> tuple[PlatformRules, ...]:
        """The rules of platforms, each once, in the order they are named. Raises UnknownPlatformError."""
        wanted = tuple(dict.fromkeys(names))
        for name in wanted:
            if name not in self.rules:
                message = f"there is no channel {name!r}{did_you_mean(name, self.rules)}"
                raise UnknownPlatformError(FailureCode.STEP_INPUT, message)
        return tuple(self.rules[name] for name in wanted)


def load_platforms(
    folder: FilePath, adapters: Collection[str] | None = None, prompts: Prompts | None = None
) -> Platforms:
    """Read `PLATFORM-VERSION.yaml` files and `block-list.txt`. Of several versions of a platform the newest counts.

    `adapters` and `prompts` are what a file may name; None is any. Raises PlatformFilesError.
    """
    problems: list[str] = []
    newest: dict[str, PlatformRules] = {}
    for path in sorted(folder.glob("*.yaml")):
        source = read_source(path.read_bytes())
        rules = _rules(path, source, adapters, prompts)
        problems += [f"{path}:{line}" for line in _lines(source)]
        if rules is not None:
            newest[rules.platform] = rules
    if not newest and not problems:
        problems.append(f"{folder}: there is no platform file, as in x-2026-11.yaml")
    if problems:
        raise PlatformFilesError("\n".join(problems))
    return Platforms(newest, _block_list(folder / BLOCK_LIST))


def _lines(source: Source) -> list[str]:
    found = sorted(source.diagnostics, key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return [f"{each.line}:{each.column}: {each.what}" + (f"; {each.mend}" if each.mend else "") for each in found]


def _rules(
    path: FilePath, source: Source, adapters: Collection[str] | None, prompts: Prompts | None
) -> PlatformRules | None:
    """The rules of one file; its problems are reported to the source."""
    if source.diagnostics:
        return None
    fields = json_object(json.dumps(source.value))
    if fields is None:
        source.report((), "platform.shape", "a platform file is a mapping of fields to values")
        return None
    for field in fields:
        if field not in PlatformRules.model_fields:
            what = f"unknown field {field!r}{did_you_mean(field, PlatformRules.model_fields)}"
            source.report((field,), "platform.field", what, key=True)
    try:
        rules = PlatformRules.model_validate(fields)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            where: Path = problem["loc"]
            source.report(where, "platform.value", f"{place_of(problem)}: {words_of(problem)}")
        return None
    _check_file_name(path, source, rules)
    _check_known(source, "adapter", rules.adapter, adapters)
    _check_known(source, "prompt", rules.prompt, prompts)
    if prompts is not None and rules.prompt in prompts and prompts[rules.prompt].output is not draft_type(rules):
        wanted = draft_type(rules).__name__
        what = f"{rules.prompt!r} asks for another shape than {rules.shape}, which needs a {wanted}"
        source.report(("prompt",), "platform.shape", what)
    for field, what in _disagreements(rules):
        source.report((field,), "platform.value", f"{field}: {what}")
    return None if source.diagnostics else rules


def _check_file_name(path: FilePath, source: Source, rules: PlatformRules) -> None:
    if path.stem != f"{rules.platform}-{rules.version}":
        what = f"the file of {rules.platform} {rules.version} must be named {rules.platform}-{rules.version}.yaml"
        source.report(("platform",), "platform.name", what)


def _check_known(source: Source, field: str, name: str, known: Collection[str] | None) -> None:
    if known is not None and name not in known:
        source.report((field,), "platform.unknown", f"there is no {field} {name!r}{did_you_mean(name, known)}")


def _disagreements(rules: PlatformRules) -> list[tuple[str, str]]:
    """Fields that are right by themselves and not together."""
    found: list[tuple[str, str]] = []
    if rules.min_follow_ups > rules.max_follow_ups:
        found.append(("min_follow_ups", f"is above max_follow_ups, which is {rules.max_follow_ups}"))
    if rules.max_follow_ups and rules.shape != "thread":
        found.append(("max_follow_ups", "only a thread has follow-ups"))
    if rules.needs_link and rules.max_links == 0:
        found.append(("max_links", "must be at least 1 where needs_link is true"))
    if rules.needs_link and (rules.url_length or 0) * 2 > rules.max_length:
        found.append(("max_length", "must leave a link half of the room where needs_link is true"))
    return found


def _block_list(path: FilePath) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    entries = (" ".join(line.split()) for line in lines if not line.startswith("#"))
    return tuple(dict.fromkeys(entry for entry in entries if entry))
