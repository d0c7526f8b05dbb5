"""The report of a run: a page that loads nothing and runs nothing, and the same facts as JSON."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.full_report import CONFIG, FACTS
from tests.unit.pipeline.tables import Table, columns, specification
from towpath.contracts.core.run import Cost, StepRecord, StepState
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.dataset import Dataset, DatasetPart, QuarantinedRows, StageMetrics
from towpath.contracts.pipeline.loading import LoadResult
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome, PipelineResult
from towpath.contracts.pipeline.quality import ModelIssue, Quality, RuleResult
from towpath.contracts.pipeline.stages import ReportRendered, ReportTask
from towpath.contracts.pipeline.transformation import FrozenSpecification
from towpath.dataplane.core.quarantine import Quarantine
from towpath.dataplane.report.facts import ReportFacts, stage_totals
from towpath.dataplane.report.page import page, write_report
from towpath.dataplane.report.quarantine import quarantine_totals
from towpath.dataplane.report.rendering import TEMPLATES
from towpath.policy.pipeline.wording import in_words

SOURCE, TARGET = columns("no name"), columns("id name")
HOSTILE = "<script>alert(1)</script>"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
GONE = DatasetPart(uri="00/gone.parquet", rows=1, size_bytes=1, sha256="0" * 64, schema_hash="s")
RENAME = {"op": "rename", "columns": {"no": "id"}}


class Elements(HTMLParser):
    """Names of all elements, checked to be closed; and all attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def step(title: str, state: StepState, seconds: float = 0) -> StepRecord:
    ended = BEGAN + timedelta(seconds=seconds)
    return StepRecord(step=title, title=title, state=state, started_at=BEGAN, ended_at=ended)


def report(
    root: Path, *, failure: str = "", empty: bool = False, aside: Mapping[str, Mapping[str, int]] | None = None
) -> ReportRendered:
    """`aside` is how many rows were set aside beside the usual ones, by stage and rule."""
    table = Table(root, TARGET, TARGET, key=("id",))
    part = table.add(("1", HOSTILE), ("2", "x"), ("2", "x"))
    config = PipelineConfig.model_validate(
        {
            "id": "shop",
            "version": "1.0.0",
            "description": HOSTILE,
            "sources": [{"name": "orders", "type": "csv", "path": "x.csv"}],
            "target": {"table": "orders", "key": ["id"], "columns": [one.model_dump() for one in TARGET]},
            "transformation": specification(RENAME).model_dump(),
            "destinations": [{"name": "lake", "type": "parquet", "path": "lake"}],
        }
    )
    rule = RuleResult(
        rule=HOSTILE, kind="custom", severity="error", weight=1, rows=3, failed=1, samples=({"name": HOSTILE},)
    )
    issue = ModelIssue(column="name", issue=HOSTILE, rows=[0])
    result = PipelineResult(
        outcome=PipelineOutcome.LOADED,
        pipeline="shop",
        run_key=HOSTILE,
        loads=(LoadResult(destination="lake", state="loaded", rows=3),),
        quality=(Quality(score=0.5, threshold=0.9, results=(rule,), issues=(issue,), rows=3, valid=2, quarantined=1),),
        specification=FrozenSpecification(
            digest="d1", specification=specification(RENAME), source_schema="s", target_schema="t", origin="written"
        ),
        quarantine=(QuarantinedRows(stage="quality", part=GONE, by_rule={HOSTILE: 1}),),
        metrics=(StageMetrics(stage="extract", partition="a", rows_in=3, rows_out=3, seconds=0.5),),
        started_at=BEGAN,
        seconds=2.0,
        cost=Cost(calls=1, input_tokens=7, priced=False, models=("offline-stand-in",)),
        degraded={"lineage": HOSTILE},
    )
    quarantine = Quarantine(table.work(), "transform", HOSTILE)
    for number in range(5):
        quarantine.add(rule=HOSTILE, reason=HOSTILE, position=f"{HOSTILE}:{number}", row={"name": HOSTILE})
    result = result.model_copy(
        update={"quarantine": (quarantine.close(), *result.quarantine, *_set_aside(table, aside or {}))}
    )
    if empty:
        result = PipelineResult(outcome=PipelineOutcome.NOTHING, pipeline="shop", run_key="r")
    dataset = None if empty else Dataset(name="orders", parts=(part,), columns=TARGET)
    task = ReportTask(
        config=config,
        workflow_id="etl/shop",
        result=result,
        source_columns={"orders": SOURCE},
        dataset=dataset,
        steps=(
            step(HOSTILE, StepState.COMPLETED, seconds=1.25),
            step("Left out", StepState.SKIPPED),
            step("Tell", StepState.DEGRADED, seconds=3.5),
        ),
        failure=failure,
    )
    return write_report(task, table.work())


def _set_aside(table: Table, rows: Mapping[str, Mapping[str, int]]) -> Iterator[QuarantinedRows]:
    for stage, rules in rows.items():
        kept = Quarantine(table.work(), stage, HOSTILE)
        for rule in (rule for rule, number in rules.items() for _ in range(number)):
            kept.add(rule=rule, reason="bad", position="x.csv:1", row={"name": HOSTILE})
        closed = kept.close()
        assert closed is not None
        yield closed


def test_the_page_runs_nothing_and_loads_nothing(tmp_path: Path) -> None:
    """Values, names and remarks are texts wherever they come from; no script, no image, no address."""
    written = report(tmp_path, failure=HOSTILE).page
    elements = Elements(written)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(elements.names)
    assert not {"src", "srcset"} & set(elements.attributes)
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', written))
    assert not [name for name in elements.attributes if name.startswith("on")]
    assert "default-src 'none'" in written
    assert written.count("&lt;script&gt;") >= 20
    assert "url(" not in written


def test_figures_lead_to_rows(tmp_path: Path) -> None:
    """What rules, operations, stages and the schema set aside is a link to the rows, and no link leads nowhere."""
    rows = {"extract": {"type": 9, "malformed": 8}, "transform": {"operations.0.rename": 7}}
    rendered = report(tmp_path, aside=rows)
    facts = ReportFacts.model_validate_json(rendered.document)

    assert [(one.counted, one.rows, one.quarantine) for one in facts.operations[0].counts] == [("set aside", 7, 3)]
    assert [(one.rows, one.quarantine) for one in facts.schema_rows] == [(9, 1)]
    assert 'href="#quarantine-3">7 rows set aside</a>' in rendered.page
    for written in (rendered.page, page(CONFIG, FACTS)):
        links = re.findall(r'href="#([^"]*)"', written)
        assert len(links) >= 10
        assert set(links) <= set(re.findall(r'id="([^"]*)"', written))


def test_the_page_shows_the_run(tmp_path: Path) -> None:
    """Rows, score, rules, stages, destinations, lineage and profile, with the remarks of Claude labelled."""
    page = report(tmp_path).page
    told = re.sub(r"<[^>]+>", " ", page)
    for words in ("0.5000", "not reached", "Destinations", "Lineage", "Profile of what was loaded", "1 operation,"):
        assert words in told
    assert "Remarks by Claude on a sample: not part of the score" in told
    assert "Left out" not in told
    for words in (
        "1.25 s",
        "3.50 s, degraded",
        "3 of 5 rows",
        "Rename no to id",
        "1 operation, written by hand",
        "no known price",
    ):
        assert words in told
    assert "those of the offline stand-in, and not Claude" in told
    assert "1 with a key that occurred before" in told
    assert len(re.findall(r'class="edge identity"', page)) == 2


def test_a_run_without_rows_has_a_report(tmp_path: Path) -> None:
    """Nothing new is an outcome, too; and what failed says why."""
    assert "nothing-new" in report(tmp_path, empty=True).page
    assert "Failed: pipeline.quality" in report(tmp_path / "failed", empty=True, failure="pipeline.quality").page


def test_the_document_holds_the_same_facts(tmp_path: Path) -> None:
    """It can be read back: the result as it is, totals of stages, lineage and profile."""
    facts = ReportFacts.model_validate_json(report(tmp_path).document)
    assert facts.result.quality[0].score == 0.5
    assert [(one.target, one.column, one.direct) for one in facts.lineage] == [
        ("id", "no", True),
        ("name", "name", True),
    ]
    assert facts.specification == ("Rename no to id",)
    assert [(one.stage, one.rows, len(one.samples)) for one in facts.quarantine] == [
        ("transform", 5, 3),
        ("quality", 1, 0),
    ]
    assert facts.quarantine[0].samples[0].position == f"{HOSTILE}:0"
    assert facts.profile is not None
    assert facts.profile.duplicates == 1


def test_personal_values_are_not_among_the_samples(tmp_path: Path) -> None:
    """Only columns that are known, and not personal, are shown with their values; lines as they came are not."""
    table = Table(tmp_path, TARGET, TARGET, key=("id",))
    quarantine = Quarantine(table.work(), "extract", "a")
    row: JsonObject = {"id": 7, "name": "Kim Min", "renamed": "Kim Min", "$line": "7;Kim Min"}
    quarantine.add(rule="r", reason="name: too long", position="a.csv:1", row=row)
    kept = quarantine.close()
    assert kept is not None
    columns = [one.model_copy(update={"personal": one.name == "name"}) for one in TARGET]

    ((sample,),) = (one.samples for one in quarantine_totals([kept], columns, table.work()))
    assert json.loads(sample.row) == {"id": 7, "name": "AAA AAA", "renamed": "AAA AAA", "$line": "9;AAA AAA"}


def test_stages_are_summed_over_partitions() -> None:
    """Seconds add up, the slowest partition and the greatest memory stand out."""
    one = StageMetrics(stage="load", partition="a", rows_out=2, seconds=1.5, peak_rss_bytes=7)
    total = stage_totals([one, one.model_copy(update={"partition": "b", "seconds": 0.5, "peak_rss_bytes": 9})])[0]
    assert (total.partitions, total.rows_out, total.seconds, total.slowest_seconds, total.peak_rss_bytes) == (
        2,
        4,
        2.0,
        1.5,
        9,
    )


def test_loading_is_summed_by_destination() -> None:
    """Each destination is a stage of its own: they take their time independently."""
    parts = [
        StageMetrics(stage="load", partition=name, rows_out=2) for name in ("lake/1", "lake/2", "dwh/1", "transform")
    ]
    assert [(one.stage, one.rows_out) for one in stage_totals(parts)] == [
        ("load/lake", 4),
        ("load/dwh", 2),
        ("load", 2),
    ]


WORDS: list[tuple[dict[str, Any], str]] = [
    (
        {"op": "cast", "column": "at", "to": {"name": "day", "type": "date"}, "formats": ["%Y-%m-%d", "%d.%m.%Y"]},
        "Read at as date, as day, written %Y-%m-%d or %d.%m.%Y; what is none sends its row to quarantine",
    ),
    (
        {"op": "derive", "column": {"name": "a", "type": "decimal", "scale": 1}, "expression": "b * 2"},
        "Make a (decimal(18, 1)) of b * 2",
    ),
    ({"op": "normalise", "column": "a", "steps": ["trim", "lower"]}, "Clean a: trim and make lower case"),
    (
        {"op": "map_values", "column": "a", "values": {"x": "y", "z": None}, "otherwise": "null"},
        "Map values of a: x to y and z to null; others become null",
    ),
    ({"op": "split", "column": "a", "separator": "-", "into": ["b", "c"]}, "Split a at '-' into b and c"),
    ({"op": "filter", "expression": "a > 1"}, "Keep the rows for which a > 1"),
    ({"op": "deduplicate", "key": ["a"], "newest_by": "b"}, "Of rows with the same a keep the newest by b"),
    (
        {"op": "join", "source": "people", "on": {"who": "id"}, "columns": {"name": "name", "age": "years"}},
        "Add name and age as years from people by who = id; rows without a match go on",
    ),
    (
        {"op": "aggregate", "by": ["a", "b"], "measures": {"total": ["sum", "c"]}},
        "Compute total = sum(c) for each a and b",
    ),
    (
        {"op": "unnest", "column": "items", "into": "item"},
        "Make a row of each entry of items, as item; a row with an empty list is left out",
    ),
    (
        {"op": "rename", "columns": {name: name.upper() for name in "abcdefg"}},
        "Rename a to A, b to B, c to C, d to D, e to E and 2 more",
    ),
]


@pytest.mark.parametrize(("operation", "words"), WORDS, ids=[words for _, words in WORDS])
def test_operations_in_words(operation: dict[str, Any], words: str) -> None:
    """What each kind does, for people who cannot read a specification."""
    assert in_words(specification(operation).operations[0]) == words


def _luminance(colour: str) -> float:
    full = "".join(2 * digit for digit in colour) if len(colour) == 3 else colour
    levels = [int(full[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [level / 12.92 if level <= 0.03928 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_has_enough_contrast() -> None:
    """4.5 to 1 in light and in dark, by the formula of WCAG 2.1."""
    css = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+):#([0-9a-f]+)", sheet)) for sheet in css.split("@media(prefers")[:2])
    pairs = [("fg", "bg"), ("fg", "card"), ("fg", "track"), ("muted", "bg"), ("muted", "card")]
    pairs += [(kind, f"{kind}-bg") for kind in ("good", "warn", "bad")]
    for colours in (light, dark):
        for text, ground in pairs:
            one, other = sorted((_luminance(colours[text]), _luminance(colours[ground])))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (text, ground)
