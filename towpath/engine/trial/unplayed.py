"""What the tests of a definition leave open, in words: a worker may do otherwise there than a test says."""

from collections.abc import Iterator, Sequence

from towpath.engine.language.definition import CaseAnswer, DefinitionTest
from towpath.engine.language.plan import Plan, PlanNode
from towpath.engine.language.steps import HumanTaskConfig, WaitAnyConfig


def unplayed(plan: Plan, tests: Sequence[DefinitionTest]) -> list[str]:
    """In sentences; empty when the tests say all that a run depends on."""
    return [*_budget(plan, tests), *_quorums(plan, tests), *_limits(plan)]


def _budget(plan: Plan, tests: Sequence[DefinitionTest]) -> Iterator[str]:
    asks = [node.id for node in _written(plan) if node.step is not None and node.step.type == "claude"]
    has_cost = any(answer.cost is not None for test in tests for answer in answers_of(test, asks))
    if asks and not has_cost and "budget" in plan.definition.header.model_fields_set:
        yield f"budget: nothing is spent of it, for no answer of {', '.join(asks)} has a cost"


def _quorums(plan: Plan, tests: Sequence[DefinitionTest]) -> Iterator[str]:
    said = {team for test in tests for team in test.teams}
    for node in _written(plan):
        for task in _tasks(node.config):
            asked = dict.fromkeys([task.assignee, *(entry.to for entry in task.escalate)])
            unknown = [team for team in asked if team not in said]
            if task.quorum > 1 and unknown:
                who = ", ".join(unknown)
                yield f"{node.id}: anybody counts for its quorum of {task.quorum}: teams does not say who is in {who}"


def _written(plan: Plan) -> Iterator[PlanNode]:
    """Steps as the document has them, of copies the first."""
    return (plan.written_node(node.id) for node in plan.nodes if not node.copy and node.kind != "group")


def _tasks(config: object) -> Iterator[HumanTaskConfig]:
    if isinstance(config, HumanTaskConfig):
        yield config
    elif isinstance(config, WaitAnyConfig):
        yield from (choice.human_task for choice in config.on.values() if choice.human_task is not None)


def _limits(plan: Plan) -> Iterator[str]:
    header = plan.definition.header.limits
    named = [node.id for node in _written(plan) if node.step is not None and node.step.limits is not None]
    if header is not None or named:
        yield f"limits: no call waits for its turn{' in ' + ', '.join(named) if named else ''}"


def answers_of(test: DefinitionTest, steps: Sequence[str]) -> Iterator[CaseAnswer]:
    """All answers that a test gives for these steps."""
    for step in steps:
        given = test.answers.get(step, [])
        yield from given if isinstance(given, list) else [given]
