"""The pages of the reference of pipelines, in Markdown, from contracts, examples and what the examples leave."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from pydantic import BaseModel, TypeAdapter

from tests.manual.examples import FOLDER, LONGEST, example_of
from tests.manual.functions import computed, other_names, topics
from tests.manual.models import OPERATIONS, PAGES, documentation, entries, title_of
from tests.manual.running import ExampleOutcome
from towpath.dataplane.specification.limits import MAX_NODES, MAX_TEXT
from towpath.local.stack import ROOT

REFERENCE = ROOT / "docs" / "pipelines" / "reference"
OUTCOMES = Path(__file__).with_name("outcomes.json")
MADE = "<!-- Made by python -m tests.manual --write from the contracts and the examples: change those. -->"
INTRODUCTIONS = {
    "file": "What a pipeline's file says at its top, and what stands around its rows.",
    "sources": (
        "Where rows come from. One source is the main one: its rows become the target's. Others have `main: false` and "
        "are joined or referenced. What reaches the outside (an API, a database, a bucket) is a "
        "[connection](#connection-of-type-http), an entry of `TOWPATH_PIPELINE_CONNECTIONS` by its name; no address "
        "and no secret stands in a pipeline. A source reads files of one type: of a folder with CSV and NDJSON, each "
        "has a pipeline of its own, with the same target and destination. A column whose name in the source is none of "
        "ours is called by it with `_` for what is no letter, digit or `_`: `Order No` is `Order_No`. `etl profile` "
        "shows the names."
    ),
    "operations": (
        "How the main source becomes the target: operations, one after the other, each on the columns that the ones "
        "before it left. At the end the columns of the target must be there with their types; others are dropped."
    ),
    "quality": "Rules over the transformed rows, the score that is made of them, and what follows from it.",
    "destinations": "The table that is loaded, where it lies, and how rows get in.",
}
TITLES = {
    "file": "The file",
    "sources": "Sources",
    "operations": "Operations",
    "quality": "Quality rules",
    "destinations": "Target and destinations",
}
WHOLE = {
    "file": ("scheduled",),
    "sources": (
        *("csv", "csv-without-header", "ndjson", "json", "parquet", "buckets", "api-pages", "api-cursors", "api-links"),
        *("api-days", "postgresql", "postgresql-days"),
    ),
    "operations": ("proposed",),
    "quality": ("quality", "repair"),
    "destinations": ("strategies",),
}
"""Examples that a page shows whole, at its end."""
STRATEGIES = """\
| strategy | what it does |
|---|---|
| `append` | rows are put beside those that are there; without a cursor, all that is read, with every run |
| `upsert` | a row with a key that is there replaces it, if it is not older by `newest_by` |
| `delete_insert` | all rows of the values of `partition_by` that are loaded are replaced |
| `scd2` | every version of a row stays, with `_valid_from` and `_valid_to`, which is null in the one that holds |
"""


def pages() -> Mapping[Path, str]:
    """Each page with its text."""
    outcomes = stored()
    made = {REFERENCE / f"{name}.md": _page(name, outcomes) for name in PAGES}
    return {**made, REFERENCE / "expressions.md": _expressions()}


def stored() -> dict[str, ExampleOutcome]:
    return TypeAdapter(dict[str, ExampleOutcome]).validate_json(OUTCOMES.read_text(encoding="utf-8"))


def store(outcomes: Mapping[str, ExampleOutcome]) -> None:
    told = {name: outcome.model_dump(mode="json") for name, outcome in sorted(outcomes.items())}
    OUTCOMES.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _page(name: str, outcomes: Mapping[str, ExampleOutcome]) -> str:
    lines = [MADE, "", f"# {TITLES[name]}", "", INTRODUCTIONS[name], ""]
    if name == "operations":
        lines += ["The examples read this file:", "", *_block("csv", (FOLDER / "data/orders.csv").read_text("utf-8"))]
    for model in PAGES[name]:
        lines += _model(model, outcomes)
    if name == "destinations":
        lines += ["## Strategies", "", STRATEGIES]
    lines += ["## Whole examples", ""]
    for stem in WHOLE[name]:
        lines += _whole(stem, outcomes)
    return "\n".join(lines).rstrip() + "\n"


def _model(model: type[BaseModel], outcomes: Mapping[str, ExampleOutcome]) -> Iterator[str]:
    yield from (f"## {title_of(model)}", "", " ".join(documentation(model).split()), "")
    yield from ("| field | type | default | meaning | example |", "|---|---|---|---|---|")
    for entry in entries(model):
        found = example_of(model, entry.name)
        line = "" if found is None else _example(*found)
        yield f"| `{entry.name}` | {entry.type} | {entry.default or 'needed'} | {_cell(entry.meaning)} | {line} |"
    yield ""
    if model in OPERATIONS:
        yield from _operation(model, outcomes)


def _example(line: str, file: Path) -> str:
    """A long one is looked up in its file."""
    return f"`{_cell(line)}`" if len(line) <= LONGEST else f"in [{file.name}]({_link(file.stem)})"


def _operation(model: type[BaseModel], outcomes: Mapping[str, ExampleOutcome]) -> Iterator[str]:
    stem = title_of(model).replace("_", "-")
    text = (FOLDER / f"{stem}.yaml").read_text(encoding="utf-8")
    written = text.partition("  operations:\n")[2].partition("\n\n")[0]
    yield from (
        f"{_said(text)} [The whole file]({_link(stem)}).",
        "",
        *_block("yaml", f"operations:\n{dedent(written)}\n"),
    )
    yield from _outcome(outcomes[stem])


def _whole(stem: str, outcomes: Mapping[str, ExampleOutcome]) -> Iterator[str]:
    text = (FOLDER / f"{stem}.yaml").read_text(encoding="utf-8")
    yield from (f"### [{stem}.yaml]({_link(stem)})", "", *_block("yaml", text), *_outcome(outcomes[stem]))


def _outcome(outcome: ExampleOutcome) -> Iterator[str]:
    """The rows of the first destination, and what was set aside."""
    first = next(iter(outcome.tables.items()), None)
    score = "" if outcome.score is None else f", score {outcome.score:g}"
    if first is None:
        yield from (f"It ends as `{outcome.outcome}`{score}.", "")
    else:
        yield from (f"It ends as `{outcome.outcome}`{score}. `{first[0]}` has then:", "")
        yield f"| {' | '.join(outcome.columns)} |"
        yield "|" + "---|" * len(outcome.columns)
        yield from (f"| {' | '.join(_cell(value) for value in row)} |" for row in first[1])
        yield ""
    if outcome.quarantine:
        yield from ("Set aside:", "", "| where it was read | rule | reason |", "|---|---|---|")
        yield from (f"| {bad.position} | `{bad.rule}` | {_cell(bad.reason)} |" for bad in outcome.quarantine)
        yield ""


def _expressions() -> str:
    lines = [
        *(MADE, "", "# Expressions", ""),
        "An expression computes one value from the columns of one row: in `derive`, `filter` and the rule `custom`. "
        "It is written in the SQL of DuckDB, and only what stands on this page is allowed. It is parsed, held against "
        "that list and printed anew; nothing runs as it was written.",
        "",
        '- A column is its name; one whose name is a word of SQL stands in double quotes: `"order"`.',
        "- A text stands in single quotes, a quote in it twice: `'it''s'`. Numbers are `12` and `12.50`, and `true`, "
        "`false` and `NULL` are words. `DATE '2026-11-02'`, `TIMESTAMP '2026-11-02 08:00:00'` and `INTERVAL 3 DAY` "
        "are a date, a time and a period.",
        "- Patterns, formats, units, paths and marks are literals: they cannot come from a column.",
        "- No text is converted by itself: cast it. A decimal is not made from a float by itself: write "
        "`exact_divide(a, b, 2)` for `a / b`.",
        f"- An expression has at most {MAX_TEXT:,} characters and {MAX_NODES} parts.",
        "",
    ]
    for topic, functions in topics().items():
        lines += [f"## {topic}", "", "| written | meaning | example | gives |", "|---|---|---|---|"]
        for one in functions:
            shown, given = _cell(one.example), _cell(computed(one.example))
            lines.append(f"| `{_cell(one.call)}` | {_cell(one.meaning)} | `{shown}` | {given} |")
        lines.append("")
    others = ", ".join(f"`{other}` for `{name.removeprefix('try_')}`" for other, name in other_names() if other != name)
    lines += ["## Other names", "", f"These are the same: {others}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _said(text: str) -> str:
    """The comment that a file begins with."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        if "$schema" not in line:
            lines.append(line.removeprefix("# "))
    return " ".join(lines)


def _link(stem: str) -> str:
    return f"../../../definitions/pipelines/examples/{stem}.yaml"


def _block(language: str, text: str) -> list[str]:
    return [f"```{language}", text.rstrip("\n"), "```", ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def unused() -> list[str]:
    """Examples that no page shows."""
    shown = {stem for stems in WHOLE.values() for stem in stems}
    shown |= {title_of(model).replace("_", "-") for model in OPERATIONS}
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in shown)


def without_example() -> list[str]:
    """Fields that no example shows, and those of which nothing is said."""
    return [
        f"{model.__name__}.{entry.name}"
        for found in PAGES.values()
        for model in found
        for entry in entries(model)
        if example_of(model, entry.name) is None or not entry.meaning
    ]
