"""The plan of a definition that travels with a run: made once for each digest, then kept."""

from collections import OrderedDict

from pydantic import JsonValue

from towpath.contracts.core.wire import canonical_digest
from towpath.engine.language.plan import Plan, make_plan
from towpath.engine.language.reading import read_definition
from towpath.engine.language.source import Source

KEPT = 256
_PLANS: OrderedDict[str, Plan] = OrderedDict()


class InvalidDefinitionError(Exception):
    """A definition that travels with a run cannot be read, or is not the one that its digest names."""


TESTS = "tests"


def digest(document: JsonValue) -> str:
    """Without the tests, which change no run."""
    return canonical_digest(runnable(document))


def runnable(document: JsonValue) -> JsonValue:
    """The document without its tests: what travels with a run."""
    if not isinstance(document, dict) or TESTS not in document:
        return document
    return {name: value for name, value in document.items() if name != TESTS}


def load_plan(wanted: str, document: dict[str, JsonValue]) -> Plan:
    """Raises InvalidDefinitionError."""
    if digest(document) != wanted:
        raise InvalidDefinitionError("the definition is not the one that its digest names")
    plan = _PLANS.get(wanted)
    if plan is not None:
        _PLANS.move_to_end(wanted)
        return plan
    source = Source("", document, stored=True)
    definition = read_definition(source)
    problems = [f"{problem.path}: {problem.what}" for problem in source.diagnostics if problem.severity == "error"]
    if definition is None or problems:
        raise InvalidDefinitionError("; ".join(problems[:10]) or "the definition cannot be read")
    plan = make_plan(definition, is_run=True)
    if len(plan.order) < len(plan.nodes):
        raise InvalidDefinitionError("its steps wait for each other in a circle")
    if plan.is_cut:
        raise InvalidDefinitionError("it has too many steps, with those for each member of a group")
    _PLANS[wanted] = plan
    while len(_PLANS) > KEPT:
        _PLANS.popitem(last=False)
    return plan
