"""The lineage of a report: columns of sources, columns of the target, and destinations, as a graph."""

from collections.abc import Sequence

from towpath.contracts.pipeline.pipeline import PipelineConfig
from towpath.dataplane.report.facts import ColumnOrigin
from towpath.dataplane.report.plots import Drawing, Graph
from towpath.dataplane.specification.lineage import DECIDING


def lineage_graph(config: PipelineConfig, lineage: Sequence[ColumnOrigin]) -> Drawing:
    """Curves are what columns are made of; what decides about rows is not drawn, since it leads to every column."""
    graph = Graph()
    drawn = [one for one in lineage if one.kind not in DECIDING]
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
    return graph.drawing("Columns of sources, of the target, and destinations")


def deciding_columns(lineage: Sequence[ColumnOrigin]) -> dict[str, list[str]]:
    """Columns that decide which rows there are, each once, by how they decide."""
    deciding: dict[str, dict[str, None]] = {}
    for one in lineage:
        if one.kind in DECIDING:
            deciding.setdefault(one.kind.replace("_", " "), {})[f"{one.source}.{one.column}"] = None
    return {kind: list(names) for kind, names in deciding.items()}
