"""The page of a report: one HTML file that loads nothing, and runs nothing."""

import json

from towpath.contracts.core.claude import OFFLINE_MODEL
from towpath.contracts.core.wire import JsonObject
from towpath.contracts.pipeline.pipeline import PipelineConfig, PipelineOutcome
from towpath.contracts.pipeline.quality import Quality, RuleResult
from towpath.dataplane.quality.checking import POSITION
from towpath.dataplane.report.facts import ReportFacts
from towpath.dataplane.report.lineage import lineage_section
from towpath.dataplane.report.markup import Markup, joined, style, tag, text, texts
from towpath.dataplane.report.parts import badge, examples, gap, plot, section, table
from towpath.dataplane.report.plots import WIDE, Bar, bars, meter
from towpath.dataplane.report.profile import profile_section
from towpath.dataplane.report.quarantine import quarantine_section
from towpath.dataplane.report.stages import stages_section
from towpath.dataplane.report.style import CSS
from towpath.dataplane.report.words import count, moment, row_count, seconds, share

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_BADGES = {PipelineOutcome.LOADED: "good", PipelineOutcome.NOTHING: "good"}


def page(config: PipelineConfig, facts: ReportFacts) -> str:
    """`<!doctype html>` and all that follows."""
    return document(
        f"{config.id}: {facts.result.outcome}",
        _header(config, facts),
        _tiles(facts),
        _notes(facts),
        _quality(facts.result.quality),
        stages_section(facts.stages, facts.result.metrics, facts.steps, facts.result.started_at),
        _loads(facts),
        quarantine_section(facts.quarantine),
        lineage_section(config, facts),
        profile_section(facts.profile),
    )


def document(title: str, *children: Markup) -> str:
    """A page of its own, with our sheet."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", text(title)),
        style(CSS),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *children)), lang='en')}\n"


def _header(config: PipelineConfig, facts: ReportFacts) -> Markup:
    result = facts.result
    told = "failed" if facts.failure else str(result.outcome)
    kind = "bad" if facts.failure else _BADGES.get(result.outcome, "warn")
    lines = {
        "Started": moment(result.started_at),
        "Version": config.version,
        "Run": facts.workflow_id,
        "Load": result.run_key,
        "Watermark": result.watermark or "–",
        "Cost": result.cost.in_words,
    }
    shown = [tag("span", tag("span", text(f"{name} "), class_="muted"), text(one)) for name, one in lines.items()]
    return tag(
        "header",
        tag("div", tag("h1", text(config.id)), badge(told, kind), class_="top"),
        tag("p", text(config.description), class_="muted") if config.description else Markup(""),
        tag("div", *shown, class_="facts"),
    )


def _tiles(facts: ReportFacts) -> Markup:
    result = facts.result
    read = sum(stage.rows_in for stage in facts.stages if stage.stage == "extract")
    loaded = max((load.rows for load in result.loads), default=0)
    bad = sum(rows.part.rows for rows in result.quarantine)
    tiles = [
        (count(read), "rows read"),
        (count(loaded), "rows loaded"),
        (count(bad), f"rows quarantined, {share(bad, read)}"),
        (f"{result.quality[-1].score:.4f}" if result.quality else "–", "quality score"),
        (seconds(result.seconds), "from start to end"),
        (count(round(read / result.seconds)) if result.seconds else "–", "rows per second"),
    ]
    shown = (tag("div", tag("b", text(value)), tag("span", text(name)), class_="card tile") for value, name in tiles)
    return tag("div", *shown, class_="tiles")


def _notes(facts: ReportFacts) -> Markup:
    told = [*([f"Failed: {facts.failure}"] if facts.failure else []), *facts.notes]
    if OFFLINE_MODEL in facts.result.cost.models:
        told.append("Answers here are those of the offline stand-in, and not Claude's")
    told += [f"Without {what}: {why}" for what, why in facts.result.degraded.items()]
    return joined(*(tag("p", text(note), class_="note") for note in told))


def _quality(rounds: tuple[Quality, ...]) -> Markup:
    if not rounds:
        return Markup("")
    last = rounds[-1]
    enough = last.score >= last.threshold
    verdict = badge("reached", "good") if enough else badge("not reached", "bad")
    told = f"Score {last.score:.4f}, threshold {last.threshold:g}: "
    before = "; ".join(f"round {one.round}: {one.score:.4f}, {count(one.quarantined)} quarantined" for one in rounds)
    gauge = tag(
        "div",
        tag("p", text(told), verdict),
        meter("Score with its threshold", last.score, last.threshold),
        tag("p", text(before), class_="muted"),
        class_="card",
    )
    shown = rounds[0].results
    passing = [Bar(_short(one.rule), one.passing * one.rows, _told(one), one.failed) for one in shown if one.rows > 1]
    drawn = plot("Rows that pass and fail, first round", bars("Rules", passing, WIDE))
    return section("Quality", gauge, *([gap(), drawn] if passing else []), gap(), _rules(shown), _issues(rounds))


def _rules(results: tuple[RuleResult, ...]) -> Markup:
    rows = [
        (
            joined(text(one.rule), *_samples(one)),
            badge(one.severity, "bad" if one.severity == "error" else "warn"),
            *texts(f"{one.weight:g}", count(one.rows), count(one.failed), share(one.rows - one.failed, one.rows)),
        )
        for one in results
    ]
    headings = ("Rule", "Severity", "Weight", "Looked at", "Failed", "Passing")
    return table(headings, rows, frozenset({2, 3, 4, 5}))


def _samples(result: RuleResult) -> list[Markup]:
    note = [tag("p", text(result.note), class_="muted")] if result.note else []
    if not result.samples:
        return note
    shown = [_sample(one) for one in result.samples]
    of = f"{len(shown)} of " if len(shown) < result.failed else ""
    return [*note, examples(f"{of}{row_count(result.failed)} that fail", shown)]


def _sample(row: JsonObject) -> tuple[str, str]:
    """Where a row was read, and its values."""
    values = {name: value for name, value in row.items() if name != POSITION}
    return str(row.get(POSITION, "")), json.dumps(values, ensure_ascii=False)


def _issues(rounds: tuple[Quality, ...]) -> Markup:
    """What Claude remarked stands by itself: it is never part of the score."""
    told = next((one for one in reversed(rounds) if one.issues), None)
    if told is None:
        return Markup("")
    by = "" if told.provenance is None else f", {told.provenance.model}"
    rows = [texts(one.column, one.issue, ", ".join(str(row + 1) for row in one.rows)) for one in told.issues]
    title = tag("h3", text(f"Remarks by Claude on a sample{by}: not part of the score"))
    return joined(gap(), title, table(("Column", "Remark", "Rows of the sample"), rows, frozenset()))


def _loads(facts: ReportFacts) -> Markup:
    if not facts.result.loads:
        return Markup("")
    rows = [
        (
            text(one.destination),
            badge(one.state, "bad" if one.state == "failed" else "good"),
            *(text(count(number)) for number in (one.parts, one.rows, one.inserted, one.updated, one.stale)),
            text(one.failure),
        )
        for one in facts.result.loads
    ]
    names = ("Destination", "State", "Parts", "Rows", "Inserted", "Updated", "Stale", "Failure")
    return section("Destinations", table(names, rows, frozenset(range(2, 7))))


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:29]}…"


def _told(result: RuleResult) -> str:
    return f"{share(result.rows - result.failed, result.rows)}, {count(result.failed)} fail"
