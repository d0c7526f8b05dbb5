"""The lineage of a report: columns of sources, columns of the target, and destinations, as a graph."""

import json

from towpath.contracts.pipeline import PipelineConfig
from towpath.contracts.wire import JsonObject
from towpath.dataplane.markup import Markup, tag, text
from towpath.dataplane.report_facts import ReportFacts
from towpath.dataplane.report_plots import Graph


def lineage_section(config: PipelineConfig, facts: ReportFacts) -> Markup:
    """Curves are direct origins; what decides about rows is told below, since it leads to every column."""
    frozen = facts.result.specification
    if frozen is None:
        return Markup("")
    graph = _graph(config, facts).svg("Columns of sources, of the target, and destinations")
    deciding: dict[str, list[str]] = {}
    for one in facts.lineage:
        if not one.direct:
            known = deciding.setdefault(one.kind.replace("_", " "), [])
            known.extend(name for name in [f"{one.source}.{one.column}"] if name not in known)
    told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in deciding.items())
    steps = (one.model_dump(mode="json", exclude_defaults=True) for one in frozen.specification.operations)
    operations = (tag("li", tag("code", text(_told(step)))) for step in steps)
    approved = f", approved by {frozen.approved_by}" if frozen.approved_by else ""
    number = len(frozen.specification.operations)
    summary = f"{number} operation{'s' if number != 1 else ''}, {frozen.origin}{approved}, digest {frozen.digest}"
    return tag(
        "section",
        tag("h2", text("Lineage")),
        tag(
            "div",
            graph,
            tag("p", text(f"Which rows there are is decided by {told}"), class_="muted") if told else Markup(""),
            tag("details", tag("summary", text(summary)), tag("ol", *operations, class_="ops")),
            class_="card scroll",
        ),
    )


def _graph(config: PipelineConfig, facts: ReportFacts) -> Graph:
    graph = Graph()
    direct = [one for one in facts.lineage if one.direct]
    places = {
        source.name: graph.box(
            0, source.name, list(dict.fromkeys(one.column for one in direct if one.source == source.name)), source.type
        )
        for source in config.sources
    }
    target = graph.box(1, config.target.table, [column.name for column in config.target.columns], "target")
    for one in direct:
        graph.curve(places[one.source][one.column][1], target[one.target][0], one.kind)
    for destination in config.destinations:
        box = graph.box(2, destination.name, [], f"{destination.type}, {destination.strategy}")
        graph.curve(target[""][1], box[""][0], "load")
    return graph


def _told(operation: JsonObject) -> str:
    name = operation.pop("op")
    return f"{name} {json.dumps(operation, ensure_ascii=False)}"
