"""Checks of groups: what they ask for must mean something for the members that they have."""

from towpath.engine.language.plan import Plan
from towpath.engine.language.source import Source
from towpath.engine.language.turns import limits_of


def check_groups(source: Source, plan: Plan) -> None:
    limits = limits_of(plan)
    for node in plan.nodes:
        most = None if node.group is None else node.group.max_concurrency
        working = sum((node.index, most) in limit for limit in limits.values())
        if most is not None and working <= most:
            what = f"it has {working} steps that take turns: {most} at a time limits nothing"
            mend = "leave it out; wait, wait-any and human-task take no turn"
            source.report((*node.path, "max_concurrency"), "group.no-effect", what, mend, key=True, severity="warning")
