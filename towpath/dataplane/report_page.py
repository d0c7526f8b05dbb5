"""The page of a report: one HTML file that loads nothing, and runs nothing."""

import json
from collections.abc import Sequence

from towpath.contracts.pipeline import PipelineConfig, PipelineOutcome
from towpath.contracts.quality import Quality, RuleResult
from towpath.dataplane.markup import Markup, joined, style, tag, text, texts
from towpath.dataplane.report_facts import ReportFacts, StageTotal
from towpath.dataplane.report_lineage import lineage_section
from towpath.dataplane.report_plots import WIDE, Bar, bars, meter
from towpath.dataplane.report_profile import profile_section
from towpath.dataplane.report_style import CSS
from towpath.dataplane.report_words import count, moment, seconds, share, size

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
        _stages(facts.stages),
        _loads(facts),
        _quarantine(facts),
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


def section(title: str, *children: Markup) -> Markup:
    return tag("section", tag("h2", text(title)), *children)


def table(headings: Sequence[str], rows: Sequence[Sequence[Markup]], numbers: frozenset[int]) -> Markup:
    """`numbers` are the columns of figures: they stand on the right."""
    told = [
        tag("tr", *(tag("td", one, class_="n" if place in numbers else None) for place, one in enumerate(row)))
        for row in rows
    ]
    names = (tag("th", text(one), class_="n" if place in numbers else None) for place, one in enumerate(headings))
    return tag("div", tag("table", tag("thead", tag("tr", *names)), tag("tbody", *told)), class_="card scroll")


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
    }
    shown = [tag("span", tag("span", text(f"{name} "), class_="muted"), text(one)) for name, one in lines.items()]
    badge = tag("span", text(told), class_=f"badge {kind}")
    return tag(
        "header",
        tag("div", tag("h1", text(config.id)), badge, class_="top"),
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
    told += [f"Without {what}: {why}" for what, why in facts.result.degraded.items()]
    return joined(*(tag("p", text(note), class_="note") for note in told))


def _quality(rounds: tuple[Quality, ...]) -> Markup:
    if not rounds:
        return Markup("")
    last = rounds[-1]
    enough = last.score >= last.threshold
    verdict = tag("span", text("reached" if enough else "not reached"), class_=f"badge {'good' if enough else 'bad'}")
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
    plot = [Bar(_short(one.rule), one.passing * one.rows, _told(one), one.failed) for one in shown if one.rows > 1]
    drawn = tag(
        "div", tag("h3", text("Rows that pass and fail, first round")), bars("Rules", plot, WIDE), class_="card"
    )
    return section("Quality", gauge, *([_gap(), drawn] if plot else []), _gap(), _rules(shown), _issues(rounds))


def _rules(results: tuple[RuleResult, ...]) -> Markup:
    rows = [
        (
            joined(text(one.rule), *_samples(one)),
            tag("span", text(one.severity), class_=f"badge {'bad' if one.severity == 'error' else 'warn'}"),
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
    rows = "\n".join(json.dumps(sample, ensure_ascii=False) for sample in result.samples)
    shown = tag("details", tag("summary", text(f"{len(result.samples)} rows that fail")), tag("pre", text(rows)))
    return [*note, shown]


def _issues(rounds: tuple[Quality, ...]) -> Markup:
    """What Claude remarked stands by itself: it is never part of the score."""
    told = next((one for one in reversed(rounds) if one.issues), None)
    if told is None:
        return Markup("")
    by = "" if told.provenance is None else f", {told.provenance.model}"
    rows = [texts(one.column, one.issue, ", ".join(str(row + 1) for row in one.rows)) for one in told.issues]
    title = tag("h3", text(f"Remarks by Claude on a sample{by}: not part of the score"))
    return joined(_gap(), title, table(("Column", "Remark", "Rows of the sample"), rows, frozenset()))


def _stages(stages: tuple[StageTotal, ...]) -> Markup:
    if not stages:
        return Markup("")
    flow = [Bar(one.stage, one.rows_out, _flow(one), one.rows_quarantined) for one in stages]
    time = [Bar(one.stage, one.seconds, _time(one)) for one in stages]
    rows = [
        texts(
            one.stage,
            count(one.partitions),
            count(one.rows_in),
            count(one.rows_out),
            count(one.rows_quarantined),
            size(one.size_bytes),
            seconds(one.seconds),
            seconds(one.slowest_seconds),
            seconds(one.cpu_seconds),
            size(one.peak_rss_bytes) if one.peak_rss_bytes else "–",
        )
        for one in stages
    ]
    names = ("Stage", "Partitions", "Rows in", "Rows out", "Bad", "Bytes", "Time", "Slowest", "CPU", "Peak RSS")
    plots = tag(
        "div",
        tag("div", tag("h3", text("Rows out, and quarantined")), bars("Rows by stage", flow), class_="card"),
        tag("div", tag("h3", text("Time, summed over parts")), bars("Seconds by stage", time), class_="card"),
        class_="pair",
    )
    return section("Stages", plots, _gap(), table(names, rows, frozenset(range(1, len(names)))))


def _loads(facts: ReportFacts) -> Markup:
    if not facts.result.loads:
        return Markup("")
    rows = [
        (
            text(one.destination),
            tag("span", text(one.state), class_=f"badge {'good' if one.state == 'loaded' else 'bad'}"),
            *(text(count(number)) for number in (one.parts, one.rows, one.inserted, one.updated, one.stale)),
            text(one.failure),
        )
        for one in facts.result.loads
    ]
    names = ("Destination", "State", "Parts", "Rows", "Inserted", "Updated", "Stale", "Failure")
    return section("Destinations", table(names, rows, frozenset(range(2, 7))))


def _quarantine(facts: ReportFacts) -> Markup:
    totals: dict[tuple[str, str], int] = {}
    for rows in facts.result.quarantine:
        for rule, number in rows.by_rule.items():
            totals[rows.stage, rule] = totals.get((rows.stage, rule), 0) + number
    if not totals:
        return Markup("")
    told = [texts(stage, rule, count(number)) for (stage, rule), number in totals.items()]
    return section("Quarantine", table(("Stage", "Rule", "Rows"), told, frozenset({2})))


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:29]}…"


def _told(result: RuleResult) -> str:
    return f"{share(result.rows - result.failed, result.rows)}, {count(result.failed)} fail"


def _flow(stage: StageTotal) -> str:
    bad = f", {count(stage.rows_quarantined)} bad" if stage.rows_quarantined else ""
    return f"{count(stage.rows_out)}{bad}"


def _time(stage: StageTotal) -> str:
    return f"{seconds(stage.seconds)}, {stage.partitions} part{'s' if stage.partitions > 1 else ''}"


def _gap() -> Markup:
    return tag("div", class_="gap")
