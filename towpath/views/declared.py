"""How a run of a definition ended, in words."""

import json

from towpath.contracts.declared.run import DeclaredResult
from towpath.views.processes import Views


def result_lines(ended: DeclaredResult) -> list[str]:
    """A result in lines for people: the outcome, the definition's outputs or its one output, what Claude cost."""
    outputs = [f"  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in ended.outputs.items()]
    if ended.is_single:
        outputs = [f"output: {json.dumps(ended.output, ensure_ascii=False)}"]
    return [f"outcome: {ended.outcome}", *outputs, f"cost: {ended.cost.in_words}"]


VIEWS = Views(result=result_lines)
