"""Human tasks for which too few people may decide, for the comparison of `definition test` with Temporal."""

import itertools
from collections.abc import Iterator
from typing import Any

from tests.timeskip.trial_cases import AFTER, BEFORE, TrialCase, case, choices, probe
from tests.timeskip.trial_samples import TASK
from towpath.engine.language.steps import HumanTaskConfig

TEAMS: dict[str, dict[str, list[str]]] = {
    "one and one": {"compliance-team": ["dana"], "leads": ["noor"]},
    "one and the same": {"compliance-team": ["dana"], "leads": ["dana"]},
    "two": {"compliance-team": ["dana", "noor"], "leads": []},
    "two, one excluded": {"compliance-team": ["dana", "eve"], "leads": ["noor"]},
    "nobody": {"compliance-team": [], "leads": []},
    "only the leads": {"compliance-team": [], "leads": ["dana", "noor"]},
    "not said": {},
}
REST: dict[str, Any] = {"id": "rest", "type": "wait", "config": {"for": "90d"}}
DANA, NOOR = {"by": "dana", "after": "1h"}, {"by": "noor", "after": "2h"}
SAID: dict[str, list[Any]] = {"both": [DANA, NOOR], "one": [DANA], "late": [DANA, {**NOOR, "after": "30h"}]}


def quorum_cases() -> Iterator[TrialCase]:
    escalations = {
        "never": [],
        "at 20h": [{"after": "20h", "to": "leads"}],
        "too late": [{"after": "9d", "to": "leads"}],
    }
    for (team, teams), (when, escalate), (said, decisions) in itertools.product(
        TEAMS.items(), escalations.items(), SAID.items()
    ):
        for on_timeout in choices(HumanTaskConfig, "on_timeout"):
            given = {"quorum": 2, "exclude": ["eve"], "remind": ["6h"], "escalate": escalate, "on_timeout": on_timeout}
            step = probe("human-task", {**TASK, **given}, on_error="continue")
            name = f"quorum: {team}, escalates {when}, {said}, {on_timeout}"
            yield case(name, [BEFORE, step, AFTER, REST], {"probe": {"decisions": decisions}}, teams=teams)
    for team, teams in TEAMS.items():
        for quorum, candidates in ((1, []), (1, ["kim"]), (2, ["kim"]), (3, ["kim", "dana"])):
            config = {**TASK, "quorum": quorum, "candidates": candidates, "exclude": ["eve"]}
            steps = [BEFORE, probe("human-task", config), AFTER]
            told = f"quorum: {quorum} of {team} and {candidates}"
            people = [{"by": by, "after": f"{hour}h"} for hour, by in enumerate(("kim", "noor", "dana"), 1)]
            yield case(told, steps, {"probe": {"decisions": people}}, teams=teams)
            choice = {"task": {"human-task": config}, "late": {"after": "9d"}}
            anyone = [BEFORE, probe("wait-any", {"on": choice}, on_error="continue"), AFTER, REST]
            yield case(f"{told}, wait-any", anyone, {"probe": {"decisions": people}}, teams=teams)
            told_by_hand = {"after": "1h", "skip": "probe", "by": "dana"}
            yield case(f"{told}, skip", steps, {"probe": {"decisions": []}}, operations=[told_by_hand], teams=teams)
