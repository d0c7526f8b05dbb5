"""Checks of `select`: parts that there can be, of an output of which parts can be kept."""

from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.language.catalogue import DefinitionCatalogue
from towpath.engine.language.http_step import HttpConfig
from towpath.engine.language.outputs import JsonSchema, full_output, item_schema, member
from towpath.engine.language.plan import PlanNode
from towpath.engine.language.shapes import as_object
from towpath.engine.language.source import Source
from towpath.engine.language.vocabulary import SENDING


def check_select(source: Source, catalogue: DefinitionCatalogue, node: PlanNode) -> None:
    step, path = node.step, (*node.path, "select")
    if step is None or not step.select:
        return
    if isinstance(node.config, HttpConfig) and node.config.paging is not None:
        what = "the items of all pages are what paging.items gives"
        source.report(path, "step.no-effect", what, "leave select out", key=True)
    if step.type not in SENDING:
        what, mend = f"a {step.type} step keeps its whole output", "select in an http, api, openapi or function step"
        source.report(path, "step.no-effect", what, mend, key=True)
    whole = full_output(node, catalogue)
    for index, text in enumerate(step.select):
        current: JsonSchema = whole
        for key in text.split("."):
            current = item_schema(current, whole)
            found, _ = member(current, key, whole)
            if found is None:
                what = f"the output has no {text!r} to keep"
                hint = did_you_mean(key, as_object(current.get("properties")) or {})[2:]
                source.report((*path, index), "select.unknown", what, hint)
                break
            current = found
