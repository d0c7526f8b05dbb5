"""Groups of every kind with each outcome of their members, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import (
    AFTER,
    AFTER_GROUP,
    BEFORE,
    BROKEN,
    FAILING,
    UNDO,
    TrialCase,
    case,
    choices,
    probe,
)
from tests.timeskip.trial_samples import KINDS, REFUSED, sample_of
from towpath.engine.language.steps import Group

PROBE: dict[str, Any] = {"id": "probe", "type": "set", "config": {"v": 1}}


def group_cases() -> Iterator[TrialCase]:
    yield from _winners()
    yield from _turns()
    yield from _each_done()
    yield from _caught()


def _call(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "api", "config": {"service": "s", "method": name}, **more}


def _nap(name: str, length: str = "1h", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "wait", "config": {"for": length}, **more}


def _winners() -> Iterator[TrialCase]:
    """Several members end at one moment."""
    sorts: dict[str, list[dict[str, Any]]] = {
        "sets": [{"id": name, "type": "set", "config": {"v": name}} for name in "abc"],
        "waits": [_nap(name) for name in "abc"],
        "a set, a wait and a call": [{"id": "a", "type": "set", "config": {"v": 1}}, _nap("b"), _call("c")],
    }
    for (name, members), losers, wanted in itertools.product(sorts.items(), choices(Group, "losers"), (1, 2)):
        race = {"id": "race", "parallel": members, "join": {"count": wanted}, "losers": losers}
        won = {"id": "won", "type": "set", "config": {"by": "{{ steps.race.completed }}"}}
        yield case(f"race: {name}, {wanted} win, {losers}", [BEFORE, PROBE, race, won, AFTER])
    refused = {"a": {"fail": REFUSED}}
    for policy, losers in itertools.product(("fail", "continue"), choices(Group, "losers")):
        members = [_call("a", on_error=policy), _nap("b")]
        race = {"id": "race", "parallel": members, "join": "any", "losers": losers}
        yield case(f"race: one fails, on_error {policy}, {losers}", [BEFORE, PROBE, race, AFTER], refused)
    inside = {"if": "1 > 0", "then": [_nap("first", "1m"), {"parallel": [_call("a"), _nap("beside")]}, _nap("never")]}
    race = {"id": "race", "parallel": [{"id": "deep", "type": "condition", "config": inside}, _nap("b")], "join": "any"}
    yield case("race: one fails deep inside", [BEFORE, PROBE, race, AFTER], refused)


def _turns() -> Iterator[TrialCase]:
    """A member of each type takes its turn among others, is refused one by a pause, or keeps none while it waits."""
    for kind, limit in itertools.product(KINDS, (1, 2)):
        sample = sample_of(kind)
        members = [_call("a"), probe(kind, sample.config), _call("b"), _call("c", needs=["b"])]
        group = {"id": "group", "parallel": members, "max_concurrency": limit}
        yield case(f"turns: {kind} among {limit} at a time", [BEFORE, group, AFTER])
        # With two at a time, what is sent together would end together.
        nobody: dict[str, Any] = {"probe": {"decisions": []}} if kind == "human-task" else {}
        for policy in ("fail", "continue") if limit == 1 else ():
            failing = {**group, "parallel": [_call("a", on_error=policy), *members[1:]]}
            name = f"turns: {kind} after one that fails, on_error {policy}"
            yield case(name, [BEFORE, failing, AFTER], {"a": {"fail": REFUSED}, **nobody})
    for kind in ("wait", "wait-any", "human-task"):
        sample = sample_of(kind)
        members = [probe(kind, sample.held or sample.config), _call("a"), _call("b")]
        group = {"id": "group", "parallel": members, "max_concurrency": 1}
        answers: dict[str, Any] = {"probe": {"decisions": []}} if kind == "human-task" else {}
        ends = [{"after": "1h", "skip": "probe"}]
        yield case(f"turns: {kind} waits beside", [BEFORE, group, AFTER], answers, operations=ends)
    race = {"id": "race", "parallel": [_call("a"), _call("b"), PROBE], "join": "any", "max_concurrency": 1}
    yield case("turns: a race one at a time", [BEFORE, race, AFTER])


def _each_done() -> Iterator[TrialCase]:
    """A member of each type with each end is followed, or not; a step of each type follows two members."""
    told = {"id": "told", "type": "set", "config": {"of": "{{ branch.id }}", "got": "{{ branch.output ?? 0 }}"}}
    nobody: dict[str, Any] = {"probe": {"decisions": []}}
    for kind in KINDS:
        sample = sample_of(kind)
        members = [probe(kind, sample.config), _nap("b", "1m")]
        group = {"id": "group", "parallel": members, "each_done": [told, _nap("later", "5m")]}
        yield case(f"each_done: {kind} as a member", [BEFORE, group, AFTER])
        skipped = {**group, "parallel": [{**members[0], "when": "1 > 2"}, members[1]]}
        yield case(f"each_done: {kind} that is skipped", [BEFORE, skipped, AFTER], nobody if _asks(kind) else {})
        if sample.refused:
            for policy in ("fail", "continue", {"default": {"by": "default"}}):
                failing = {**group, "parallel": [{**members[0], "on_error": policy}, members[1]]}
                name = f"each_done: {kind} that fails, on_error {policy}"
                yield case(name, [BEFORE, failing, AFTER], {"probe": {"fail": sample.refused}})
        if not _asks(kind):
            # One follower at a time: what is sent together would end together.
            pair = [_nap("a", "1m"), {"id": "b", "type": "wait", "config": {"for": "2h"}}]
            follower = probe(kind, sample.config, when="branch.id != 'x'")
            following = {"id": "group", "parallel": pair, "each_done": [told, follower], "max_concurrency": 1}
            yield case(f"each_done: {kind} for each", [BEFORE, following, AFTER_GROUP])
            yield case(f"each_done: {kind} for each, later failure", [BEFORE, following, FAILING], BROKEN)
            if sample.refused:
                undone = {**follower, "compensate": UNDO}
                answers = {"probe": [{}, {"fail": sample.refused}]}
                broken = {**following, "each_done": [told, undone]}
                yield case(f"each_done: {kind} for each, the second fails", [BEFORE, broken, AFTER_GROUP], answers)
    for verb in ("skip", "set_output"):
        operation = {"after": "1m", verb: "later[0]", "output": 1}
        group = {"id": "group", "parallel": [PROBE, _nap("b", "2h")], "each_done": [told, _nap("later")]}
        yield case(f"each_done: {verb} of one copy", [BEFORE, group, AFTER], operations=[operation])


def _asks(kind: str) -> bool:
    return kind == "human-task"


def _caught() -> Iterator[TrialCase]:
    """A member of each type fails in a group that catches it: alone, deep inside, beside others."""
    told = {"id": "told", "type": "set", "config": {"code": "{{ why.code }}", "a": "{{ steps.b ?? 'nothing' }}"}}
    catch = [{"as": "why", "do": [told]}]
    undo = {"type": "api", "config": {"service": "s", "method": "before-a/undo"}}
    for kind in KINDS:
        sample = sample_of(kind)
        if not sample.refused and kind != "raise":
            continue
        answers = {"probe": {"fail": sample.refused}} if sample.refused else {}
        bad = probe(kind, sample.config)
        # Calls of one moment may be sent together, and then end together.
        late = {"id": "choice", "type": "condition", "config": {"if": "1 > 0", "then": [_nap("first", "1m"), bad]}}
        for on_error, more in itertools.product(choices(Group, "on_error"), ({}, {"compensate": undo})):
            members = [_call("before-a", **more), late, _nap("b", "2h"), _call("before-never", needs=["b"])]
            group = {"id": "group", "parallel": members, "on_error": on_error, "catch": catch}
            title = f"caught: {kind}, {on_error}" + (", undo" if more else "")
            yield case(title, [BEFORE, group, AFTER], answers)
            yield case(f"{title}, later failure", [BEFORE, group, FAILING], {**answers, **BROKEN})
        first = {"id": "group", "parallel": [bad, _nap("b")], "catch": catch}
        yield case(f"caught: {kind} at once", [BEFORE, first, AFTER], answers)
        unfit = {"id": "group", "parallel": [bad], "catch": [{"on": {"status": 418}, "do": [_nap("b")]}]}
        yield case(f"caught: {kind} by nothing", [BEFORE, unfit, AFTER], answers)
        race = {"id": "group", "parallel": [bad, _nap("b")], "join": {"count": 2}, "catch": catch}
        yield case(f"caught: {kind}, too few are left", [BEFORE, race, AFTER], answers)
