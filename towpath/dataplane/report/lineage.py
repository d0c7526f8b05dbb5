"""The lineage of a report: columns of sources, columns of the target, and destinations, as a graph."""

from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.dataplane.report.facts import ReportFacts
from towpath.dataplane.report.markup import Markup, tag, text
from towpath.dataplane.report.parts import section
from towpath.dataplane.report.plots import Graph
from towpath.dataplane.specification.lineage import DECIDING


def lineage_section(config: PipelineConfig, facts: ReportFacts) -> Markup:
    """Curves are what columns are made of; what decides about rows is told below, since it leads to every column."""
    frozen = facts.result.specification
    if frozen is None:
        return Markup("")
    graph = _graph(config, facts).svg("Columns of sources, of the target, and destinations")
    deciding: dict[str, list[str]] = {}
    for one in facts.lineage:
        if one.kind in DECIDING:
            known = deciding.setdefault(one.kind.replace("_", " "), [])
            known.extend(name for name in [f"{one.source}.{one.column}"] if name not in known)
    told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in deciding.items())
    by = "written by hand" if frozen.origin == "written" else "proposed by Claude"
    model = f" ({frozen.provenance.model})" if frozen.provenance is not None else ""
    approved = f", approved by {frozen.approved_by}" if frozen.approved_by else ""
    number = len(facts.specification)
    summary = f"{number} operation{'s' if number != 1 else ''}, {by}{model}{approved}, digest {frozen.digest}"
    return section(
        "Lineage",
        tag(
            "div",
            graph,
            *_legend(facts),
            tag("p", text(f"Which rows there are is decided by {told}"), class_="muted") if told else Markup(""),
            tag("h3", text("What the specification does")),
            tag("p", text(summary), class_="muted"),
            tag("ol", *(tag("li", text(one)) for one in facts.specification), class_="ops"),
            class_="card scroll",
        ),
    )


def _legend(facts: ReportFacts) -> list[Markup]:
    told: list[str] = []
    if any(one.kind == "conditional" for one in facts.lineage):
        told.append("A broken line: the column only chooses between values")
    masked = dict.fromkeys(one.target for one in facts.lineage if one.masking)
    if masked:
        told.append(f"Hashed or counted, so that the source cannot be read back: {', '.join(masked)}")
    return [tag("p", text(line), class_="muted") for line in told]


def _graph(config: PipelineConfig, facts: ReportFacts) -> Graph:
    graph = Graph()
    drawn = [one for one in facts.lineage if one.kind not in DECIDING]
    places = {
        source.name: graph.box(
            0, source.name, list(dict.fromkeys(one.column for one in drawn if one.source == source.name)), source.type
        )
        for source in config.sources
    }
    target = graph.box(1, config.target.table, [column.name for column in config.target.columns], "target")
    for one in drawn:
        graph.curve(places[one.source][one.column][1], target[one.target][0], one.kind)
    for destination in config.destinations:
        box = graph.box(2, destination.name, [], f"{destination.type}, {destination.strategy}")
        graph.curve(target[""][1], box[""][0], "load")
    return graph
