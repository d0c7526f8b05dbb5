"""The files of incident response: each mistake is told with its place and its mend, and the shipped ones are good."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.incident.material import DEFINITIONS, registered, shipped
from towpath.config.incident_files import (
    CatalogueError,
    CheckedFiles,
    action_rows,
    check_files,
    load_catalogue,
    with_digest,
)
from towpath.engine.language.catalogue import FunctionEntry
from towpath.policy.incident.catalogue_file import ActionFile, MetricFile
from towpath.policy.incident.conditions import metrics_of

RESTART = "actions/restart-instance.yaml"
SCALE = "actions/scale-out.yaml"
METRICS = "incident/metrics.yaml"
INVENTORY = "incident/inventory.yaml"
RUNBOOK = "runbooks/memory.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files."""
    for name in ("actions", "incident", "runbooks"):
        shutil.copytree(DEFINITIONS / name, tmp_path / "definitions" / name)
    return tmp_path / "definitions"


def changed(folder: Path, file: str, old: str, new: str) -> CheckedFiles:
    """The files with one place of one of them written differently."""
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return check_files(folder, registered())


def test_shipped_files_are_good() -> None:
    """Six actions and more, each with all that makes it safe; nothing is told of any file, not even a warning."""
    checked = shipped()
    catalogue = checked.catalogue

    assert catalogue is not None
    assert checked.problems == ()
    assert {one.id for one in catalogue.actions} >= {
        "rollback-deployment",
        "restart-instance",
        "scale-out",
        "fail-over-database",
        "clear-disk",
        "disable-feature",
    }
    for action in catalogue.actions:
        assert action.precondition is not None
        assert action.verify is not None
        assert action.rollback is not None or action.blast_radius == "instance"
        assert action.timeout.total_seconds() > 0
        assert any(one.inventory == "service" for one in action.parameters)
    assert len(checked.runbooks) >= 5
    assert [metric.name for metric in catalogue.metrics if metric.required] == ["error_rate"]


def test_well_metrics_satisfy_what_verifies_actions() -> None:
    """A service that is healthy by its metrics' own words is one that actions verify as mended."""
    catalogue = shipped().catalogue
    assert catalogue is not None
    healthy = {metric.name for metric in catalogue.metrics if metric.healthy}

    assert all(set(metrics_of(one.verify.condition)) <= healthy for one in catalogue.actions if one.verify is not None)


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "code"),
    [
        pytest.param(RESTART, "id: restart-instance", "id: restart", "1:5", "action.file", id="file-name"),
        pytest.param(RESTART, "max_per_hour: 4", "max_per_hour: 4000", "23:15", "field.value", id="too-often"),
        pytest.param(RESTART, "max_per_hour: 4\n", "", "1:1", "field.missing", id="no-limit"),
        pytest.param(RESTART, "blast_radius: instance", "blast_radius: world", "22:15", "field.choice", id="reach"),
        pytest.param(RESTART, "timeout: 2m", "timeout: soon", "21:10", "duration.invalid", id="duration"),
        pytest.param(RESTART, "timeout: 2m", "time-out: 2m", "21:1", "field.unknown", id="unknown-field"),
        pytest.param(RESTART, "timeout: 2m", "timeout: 2 days: 1", "21:16", "source.syntax", id="syntax"),
        pytest.param(RESTART, "[capacity, data, unknown]", "[capacity, date]", "6:24", "field.choice", id="category"),
        pytest.param(RESTART, "instances_up >= 2", "instances_down >= 2", "11:15", "metric.unknown", id="metric"),
        pytest.param(RESTART, "instances_up >= 2", "instances_up >=", "11:38", "expression.syntax", id="precondition"),
        pytest.param(RESTART, "memory_used < 0.9", "memory_used", "17:40", "expression.type", id="verify"),
        pytest.param(RESTART, "hold: 1m", "hold: 10m", "17:3", "verify.times", id="times"),
        pytest.param(RESTART, "service: platform", "service: platfrom", "13:12", "service.unknown", id="service"),
        pytest.param(RESTART, "restartInstance", "restartInstanse", "14:14", "operation.unknown", id="operation"),
        pytest.param(RESTART, "operation: restartInstance", "function: x", "13:3", "step.shape", id="two-kinds"),
        pytest.param(
            RESTART, 'instance: "{instance}"', 'instance: "{host}"', "15:45", "placeholder.unknown", id="placeholder"
        ),
        pytest.param(RESTART, 'instance: "{instance}"', 'host: "{instance}"', "15:34", "param.unknown", id="param"),
        pytest.param(RESTART, ', instance: "{instance}"}', "}", "9:12", "parameter.unused", id="unused"),
        pytest.param(RESTART, "inventory: instance", "inventory: host", "9:33", "field.choice", id="inventory"),
        pytest.param(RESTART, "inventory: instance, ", "", "9:5", "parameter.values", id="free-text"),
        pytest.param(RESTART, "blast_radius: instance", "blast_radius: platform", "24:11", "approval.reach", id="auto"),
        pytest.param(
            RESTART, "instances_up >= 2", "instances_up >= 0", "11:15", "precondition.always", id="precondition-always"
        ),
        pytest.param(
            RESTART,
            "instances_up >= 2",
            "instances_up >= 2 && metrics.instances_up < 2",
            "11:15",
            "precondition.never",
            id="precondition-never",
        ),
        pytest.param(
            RESTART,
            "metrics.error_rate < 0.02 && metrics.memory_used < 0.9",
            "metrics.error_rate <= 1",
            "17:14",
            "verify.always",
            id="verify-always",
        ),
        pytest.param(
            SCALE, 'instances: "3"}', 'instances: "{instances}"}', "21:3", "rollback.same", id="rollback-same"
        ),
        pytest.param(SCALE, '["4", "6"]', "[4, 6]", "8:33", "field.type", id="choice-type"),
        pytest.param(SCALE, '["4", "6"]', '["4", "../6"]', "8:38", "parameter.choice", id="choice-text"),
        pytest.param(SCALE, '["4", "6"]', '["4", "0"]', "14:45", "param.value", id="choice-refused-by-the-service"),
        pytest.param(SCALE, '["4", "6"]', '["4", "4"]', "8:38", "parameter.choice", id="choice-twice"),
        pytest.param(METRICS, "name: request_rate", "name: error_rate", "11:11", "metric.twice", id="metric-twice"),
        pytest.param(
            METRICS, 'sum(process_up{service="$service"})', "sum(process_up)", "33:12", "query.service", id="q"
        ),
        pytest.param(
            METRICS,
            'process_up{service="$service"}',
            "process_up{service=$service}",
            "33:12",
            "query.service",
            id="bare",
        ),
        pytest.param(METRICS, "metrics.disk_used < 0.9", "metrics.error_rate < 1", "25:14", "metric.other", id="other"),
        pytest.param(INVENTORY, "name: search", "name: catalog", "7:11", "service.twice", id="service-twice"),
        pytest.param(INVENTORY, "search-3]", "'search 3; rm']", "8:37", "inventory.name", id="instance-name"),
        pytest.param(INVENTORY, "search-3]", "search-1]", "8:37", "instance.twice", id="instance-twice"),
        pytest.param(RUNBOOK, "title: An", "titel: An", "2:1", "field.missing", id="runbook-title"),
        pytest.param(
            RUNBOOK, "alerts:", "services: [chekout]\nalerts:", "3:12", "service.unknown", id="runbook-service"
        ),
        pytest.param(RUNBOOK, "---\n", "", "1:1", "runbook.header", id="runbook-header"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Path, file: str, old: str, new: str, place: str, code: str) -> None:
    """`file:line:column: code: what: mend`, and nothing is loaded."""
    checked = changed(folder, file, old, new)

    told = [problem.line for problem in checked.problems]
    assert not checked.ok
    assert any(line.startswith(f"definitions/{file}:{place}: {code}: ") for line in told), told
    assert all(problem.diagnostic.mend for problem in checked.problems if problem.diagnostic.code == code)


def test_an_excerpt_shows_the_place(folder: Path) -> None:
    """The line that is meant, with carets under the word."""
    checked = changed(folder, RESTART, "restartInstance", "restartInstanse")

    assert checked.problems[0].excerpt.splitlines()[1].endswith("^" * len("restartInstanse"))
    assert "did you mean 'restartInstance'?" in checked.problems[0].line


def test_automatic_actions_must_be_judged(folder: Path) -> None:
    """Without verify or precondition an action needs a person; that it cannot be undone is a warning."""
    text = (folder / SCALE).read_text(encoding="utf-8")
    head, _, rest = text.partition("verify:")
    short = head.replace("precondition:", "# precondition:") + "timeout" + rest.partition("timeout")[2]
    (folder / SCALE).write_text(short, encoding="utf-8")

    codes = {
        problem.diagnostic.code: problem.diagnostic.severity for problem in check_files(folder, registered()).problems
    }

    assert codes == {
        "approval.verify": "error",
        "approval.precondition": "error",
        "approval.rollback": "warning",
    }


def test_a_function_may_be_an_action(folder: Path) -> None:
    """A registered function with an effect stands in place of an operation; a pure one, or none, is refused."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"service": {}, "instance": {}},
        "additionalProperties": False,
    }
    functions = {name: FunctionEntry(name, name == "pure-one", schema) for name in ("pure-one", "drain")}
    catalogue = replace(registered(), functions=functions)
    text = (folder / RESTART).read_text(encoding="utf-8")

    def codes(function: str) -> list[str]:
        step = "  service: platform\n  operation: restartInstance\n"
        (folder / RESTART).write_text(text.replace(step, f"  function: {function}\n"), encoding="utf-8")
        return [problem.diagnostic.code for problem in check_files(folder, catalogue).problems]

    assert codes("drain") == []
    assert codes("pure-one") == ["function.unknown"]
    assert codes("no-such") == ["function.unknown"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        pytest.param("actions/x.yml", "id: x\n", "file.name", id="suffix"),
        pytest.param("actions/x.yaml", "- 1\n", "document.type", id="list"),
        pytest.param("actions/x.yaml", "", "source.empty", id="empty"),
        pytest.param(
            "actions/x.yaml", "\xff".encode("latin-1").decode("latin-1") + "\x00: 1", "source.syntax", id="bytes"
        ),
        pytest.param("actions/x.yaml", "a: &a [1]\nb: [*a, *b]\n", "source.alias", id="alias"),
        pytest.param("runbooks/x.md", "# A page\n", "runbook.header", id="no-header"),
    ],
)
def test_files_that_are_none(folder: Path, name: str, content: str, code: str) -> None:
    """Whatever a file holds, it is told and not loaded."""
    (folder / name).write_text(content, encoding="utf-8")

    checked = check_files(folder, registered())

    assert [problem.diagnostic.code for problem in checked.problems] == [code]
    assert checked.catalogue is None


@pytest.mark.parametrize("name", [METRICS, INVENTORY])
def test_a_missing_file_is_told(folder: Path, name: str) -> None:
    """Without metrics or inventory there is no catalogue; the error names every problem."""
    (folder / name).unlink()

    with pytest.raises(CatalogueError, match=f"definitions/{name}:1:1: file.unreadable"):
        load_catalogue(folder, registered())


def test_the_digest_names_all_that_the_catalogue_holds(folder: Path) -> None:
    """A changed limit is another catalogue; the same files give the same digest, and loading changes nothing."""
    one = check_files(folder, registered()).catalogue
    other = changed(folder, RESTART, "max_per_hour: 4", "max_per_hour: 5").catalogue
    assert one is not None and other is not None

    assert one.digest == with_digest(one).digest
    assert len(one.digest) == 64
    assert other.digest != one.digest
    assert type(one).model_validate_json(one.model_dump_json()) == one


def test_the_list_says_what_each_action_does() -> None:
    """One row an action: what it calls, with which values, who decides, and how it is judged and undone."""
    catalogue = shipped().catalogue
    assert catalogue is not None

    rows = {row.id: row for row in action_rows(catalogue)}

    assert rows["scale-out"].parameters == "service: service, instances: 4 | 6"
    assert (rows["scale-out"].does, rows["scale-out"].undone_by) == ("scaleService", "scaleService")
    assert rows["clear-disk"].undone_by == ""
    assert rows["fail-over-database"].approval == "needed"


def test_the_example_of_the_manual_is_good(folder: Path) -> None:
    """The action in docs/actions.md is one that can be copied."""
    manual = (DEFINITIONS.parent / "docs" / "actions.md").read_text(encoding="utf-8")
    example = manual.partition("```yaml\n")[2].partition("```")[0]
    name = example.partition("id: ")[2].partition("\n")[0]
    (folder / "actions" / f"{name}.yaml").write_text(example, encoding="utf-8")

    checked = check_files(folder, registered())

    assert checked.problems == ()
    assert checked.catalogue is not None
    assert name in [one.id for one in checked.catalogue.actions]


def test_the_manual_names_every_field() -> None:
    """The tables of docs/actions.md have each field of an action and of a metric."""
    manual = (DEFINITIONS.parent / "docs" / "actions.md").read_text(encoding="utf-8")

    assert all(f"`{field}`" in manual for field in (*ActionFile.model_fields, *MetricFile.model_fields))
