"""Events of OpenLineage as JSON: https://openlineage.io/spec/2-0-2/OpenLineage.json, and its published facets.

A run has one id, and so has its quality check; both derive from the workflow: a step that is tried again tells the same
event, and consumers take it once.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from towpath.contracts.core.wire import JsonObject, JsonValue, clip, effect_key
from towpath.contracts.pipeline.dataset import Column
from towpath.contracts.pipeline.quality import Quality, Rule, RuleResult
from towpath.contracts.pipeline.stages import LineageTask
from towpath.dataplane.core.columns import sql_type
from towpath.dataplane.core.datasets import Named, destination_name, source_name
from towpath.dataplane.core.workspace import Workspace
from towpath.dataplane.specification.lineage import DECIDING, DIRECT, Origin, origins_of
from towpath.policy.pipeline.rules import columns_of, describe, rule_names

PRODUCER: Final = "https://towpath.example/pipelines"
SPEC: Final = "https://openlineage.io/spec"
FACETS: Final = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "dataQualityMetrics": "1-0-3/DataQualityMetricsInputDatasetFacet",
    "documentation": "1-1-0/DocumentationJobFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "parent": "1-2-0/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
}
"""Versions of the facets that are told."""
QUALITY = "quality"


def run_id(workflow_id: str, step: str) -> str:
    """The same for the same workflow and step, however often it is tried."""
    return str(uuid5(NAMESPACE_URL, effect_key(workflow_id, step)))


def events_of(task: LineageTask, work: Workspace) -> tuple[JsonObject, ...]:
    """The event of the run; when it ends and its quality is known, before it those of the quality check."""
    told = _Telling(task, work)
    if task.event == "START" or task.quality is None:
        return (told.run(),)
    return (*told.quality(task.quality), told.run())


class _Telling:
    def __init__(self, task: LineageTask, work: Workspace) -> None:
        self._task = task
        self._config = task.config
        self._sources = {source.name: source_name(source, work) for source in task.config.sources}
        self._targets = {one.name: destination_name(one, work) for one in task.config.destinations}

    def run(self) -> JsonObject:
        """Inputs and outputs with their columns; statistics of what is loaded only when the run is over."""
        inputs: list[JsonValue] = [self._input(name, named) for name, named in self._sources.items()]
        outputs: list[JsonValue] = [self._output(name, named) for name, named in self._targets.items()]
        facets: JsonObject = {}
        if self._task.failure:
            facets["errorMessage"] = facet("errorMessage", message=self._task.failure, programmingLanguage="PYTHON")
        return self._event(self._task.event, self._run_id, self._config.id, facets, inputs=inputs, outputs=outputs)

    def quality(self, quality: Quality) -> tuple[JsonObject, ...]:
        """START and COMPLETE of a run below this one: what it looked at are the rows for the destinations."""
        ended = quality.at or self._task.at
        checked = run_id(self._task.workflow_id, f"{self._task.step}/{QUALITY}")
        job: JsonObject = {"namespace": self._config.lineage.namespace, "name": self._config.id}
        parent = {"parent": facet("parent", run={"runId": self._run_id}, job=job)}
        facets = self._quality_facets(quality)
        inputs: list[JsonValue] = [
            {**_named(named), "facets": {"schema": schema(self._config.target.columns)}, "inputFacets": facets}
            for named in self._targets.values()
        ]
        name = f"{self._config.id}.{QUALITY}"
        return (
            self._event("START", checked, name, parent, inputs=[], outputs=[], at=ended),
            self._event("COMPLETE", checked, name, parent, inputs=inputs, outputs=[]),
        )

    @property
    def _run_id(self) -> str:
        return run_id(self._task.workflow_id, self._task.step)

    def _input(self, name: str, named: Named) -> JsonObject:
        columns = self._task.source_columns.get(name, ())
        return {**_named(named), "facets": {"schema": schema(columns)} if columns else {}}

    def _output(self, name: str, named: Named) -> JsonObject:
        facets: JsonObject = {"schema": schema(self._config.target.columns)}
        lineage = self._lineage()
        if lineage is not None:
            facets["columnLineage"] = lineage
        output: JsonObject = {**_named(named), "facets": facets}
        rows = self._task.rows.get(name)
        if rows is not None and self._task.event != "START":
            statistics = facet("outputStatistics", rowCount=rows, size=self._task.size_bytes)
            output["outputFacets"] = {"outputStatistics": statistics}
        return output

    def _lineage(self) -> JsonObject | None:
        """None as long as there is no specification, or none that fits the columns as they are known."""
        origins = origins_of(self._config, self._task.specification, self._task.source_columns)
        return column_lineage(origins, self._sources) if origins else None

    def _quality_facets(self, quality: Quality) -> JsonObject:
        rules = dict(zip(rule_names(self._config.quality.rules), self._config.quality.rules, strict=True))
        assertions: list[JsonValue] = [
            _assertion(result, rules[result.rule]) for result in quality.results if result.rule in rules
        ]
        metrics = facet("dataQualityMetrics", rowCount=quality.valid, bytes=self._task.size_bytes, columnMetrics={})
        return {
            "dataQualityAssertions": facet("dataQualityAssertions", assertions=assertions),
            "dataQualityMetrics": metrics,
        }

    def _event(
        self,
        kind: str,
        run: str,
        job: str,
        facets: Mapping[str, JsonValue],
        *,
        inputs: list[JsonValue],
        outputs: list[JsonValue],
        at: datetime | None = None,
    ) -> JsonObject:
        told: JsonObject = {"jobType": facet("jobType", processingType="BATCH", integration="TOWPATH", jobType="JOB")}
        if self._config.description:
            told["documentation"] = facet("documentation", description=self._config.description)
        return {
            "eventType": kind,
            "eventTime": (at or self._task.at).astimezone(UTC).isoformat(),
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": run, "facets": {"processing_engine": _engine(), **facets}},
            "job": {"namespace": self._config.lineage.namespace, "name": job, "facets": told},
            "inputs": inputs,
            "outputs": outputs,
        }


def facet(name: str, /, **fields: JsonValue) -> JsonObject:
    """A facet of the published version."""
    published, _, kind = FACETS[name].partition("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{published}/{kind}.json#/$defs/{kind}", **fields}


def _engine() -> JsonObject:
    return facet("processing_engine", name="DuckDB", version=version("duckdb"))


def schema(columns: tuple[Column, ...]) -> JsonObject:
    fields: list[JsonValue] = []
    for place, column in enumerate(columns, 1):
        field: JsonObject = {"name": column.name, "type": sql_type(column), "ordinal_position": place}
        fields.append({**field, "description": column.description} if column.description else field)
    return facet("schema", fields=fields)


def column_lineage(origins: Mapping[str, tuple[Origin, ...]], sources: Mapping[str, Named]) -> JsonObject:
    """By column what it is made of, and what chooses between its values. What decides about rows is told once."""
    fields: JsonObject = {}
    deciding: set[Origin] = set()
    for column, found in origins.items():
        fields[column] = {"inputFields": _inputs((one for one in found if one.kind not in DECIDING), sources)}
        deciding.update(one for one in found if one.kind in DECIDING)
    return facet("columnLineage", fields=fields, dataset=_inputs(deciding, sources))


def _inputs(origins: Iterable[Origin], sources: Mapping[str, Named]) -> list[JsonValue]:
    """Each column of a source once, with all that it does."""
    told: dict[tuple[str, str], list[JsonValue]] = {}
    for one in sorted(origins):
        kind = "DIRECT" if one.kind in DIRECT else "INDIRECT"
        does: JsonObject = {"type": kind, "subtype": one.kind.upper(), "masking": one.masking}
        told.setdefault((one.source, one.column), []).append(does)
    return [
        {**_named(sources[source]), "field": column, "transformations": does} for (source, column), does in told.items()
    ]


def _assertion(result: RuleResult, rule: Rule) -> JsonObject:
    told: JsonObject = {
        "assertion": rule.rule,
        "success": result.failed == 0,
        "severity": "error" if rule.severity == "error" else "warn",
        "name": result.rule,
        "description": describe(rule),
        "expected": "0",
        "actual": str(result.failed),
    }
    columns = columns_of(rule)
    if len(columns) == 1:
        told["column"] = columns[0]
    if result.note:
        told["description"] = clip(f"{told['description']}: {result.note}")
    return told


def _named(named: Named) -> JsonObject:
    return {"namespace": named.namespace, "name": named.name}
