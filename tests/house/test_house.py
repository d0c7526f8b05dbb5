"""The rules of the house hold for the tree, and each rule is seen to catch a breach."""

import importlib.metadata
import re
from pathlib import Path

import pytest

import activities
import starter
import worker
import workflows
from tests.house import rules
from tests.house.classes import stretched
from tests.house.rules import readme_commands
from towpath.assembly.rooms import activity_methods, workflow_name
from towpath.config.openapi import operations, services
from towpath.config.settings import LocalSettings, WorkerSettings, variable
from towpath.contracts.prompts import PROMPTS
from towpath.registry import processes

ROOT = Path(__file__).resolve().parents[2]
ENTRY_POINTS = {
    "worker.py": {
        *{f"activities.{path.stem}" for path in (ROOT / "activities").glob("*.py")},
        *{f"workflows.{path.stem}" for path in (ROOT / "workflows").iterdir()} - {"workflows.kit"},
        *{f"towpath.{room}" for room in ("assembly", "config", "contracts", "control", "integrations", "pool")},
        *{"towpath.observability", "towpath.registry", "towpath.temporal"},
    },
    "starter.py": {"towpath.cli"},
}


def test_sizes() -> None:
    """No module, class or function is longer than it may be, nor a class together with a base that it was cut from."""
    assert rules.oversized(ROOT) == []
    assert stretched(ROOT) == []


def test_docstrings() -> None:
    """Every module says what it owns, and every test what it shows."""
    assert rules.undocumented(ROOT) == []


def test_no_loose_ends() -> None:
    """No unfinished work and no path of a machine is left in the code."""
    assert rules.banned(ROOT) == []
    assert rules.machine_paths(ROOT) == []


def test_no_activity_is_local() -> None:
    """Every effect is an ordinary activity."""
    assert rules.local_activities(ROOT) == []


def test_entry_points_import_what_they_may() -> None:
    """worker.py and starter.py reach only the rooms that they compose."""
    assert rules.entry_point_imports(ROOT, ENTRY_POINTS) == []


def test_locks_are_hashed_and_name_no_address() -> None:
    """The locks resolve on any mirror."""
    assert rules.lock_addresses(ROOT) == []


def test_documents_name_files_that_exist() -> None:
    """No link of a document is dead, and no path in one is from before a move."""
    assert rules.dead_references(ROOT) == []


def test_decisions_are_checked() -> None:
    """Each decision on file names the test or command that holds it, or says that it is history."""
    assert rules.unchecked_decisions(ROOT) == []


def test_a_class_has_its_name_for_itself() -> None:
    """No two public classes of the rooms have one name."""
    assert rules.shared_names(ROOT) == []


def test_folders_are_small() -> None:
    """No folder of the rooms has more than 25 modules."""
    assert rules.crowded(ROOT) == []


def test_processes_know_nothing_of_each_other() -> None:
    """Whatever folder stands in `workflows` imports itself and the kit alone."""
    assert rules.mixed_processes(ROOT) == []


def test_every_server_of_a_test_is_watched() -> None:
    """No test starts a Temporal server whose histories nobody replays."""
    assert rules.unwatched_servers(ROOT) == []


@pytest.mark.parametrize(
    ("file", "content", "rule"),
    [
        pytest.param("a.py", '"""A."""\n' + "x = 1\n" * 401, "oversized", id="module"),
        pytest.param("a.py", '"""A."""\ndef f():\n' + "    x = 1\n" * 61, "oversized", id="function"),
        pytest.param("a.py", "x = 1\n", "undocumented", id="docstring"),
        pytest.param("a.py", '"""A."""\ndef test_x():\n    assert 1\n', "undocumented", id="test-docstring"),
        pytest.param("a.py", '"""A."""\n# TO' + "DO: later\n", "banned", id="loose-end"),
        pytest.param("a.py", '"""A."""\nx = "/ho' + 'me/me/x"\n', "banned", id="machine-path"),
        pytest.param("a.py", "await workflow.execute_local_activity_method(x)\n", "local_activities", id="local"),
        pytest.param("a.py", 'run(host="0.0.' + '0.0")\n', "open_addresses", id="all-interfaces"),
        pytest.param("a.json", '{"stack": "File /ho' + 'me/me/x"}', "machine_paths", id="machine-path-in-data"),
        pytest.param("a.lock", "x==1 \\\n    # from https://index.example\n", "lock_addresses", id="address"),
        pytest.param("a.lock", "x==1\n", "lock_addresses", id="no-hash"),
        pytest.param("towpath/a.py", "class A: ...\nclass A: ...\n", "shared_names", id="shared-name"),
        pytest.param("workflows/a/b.py", "from workflows.c.d import E\n", "mixed_processes", id="mixed-processes"),
        pytest.param("docs/adr/0001-a.md", "**Decision.** So it is.\n", "unchecked_decisions", id="decision"),
        pytest.param("docs/adr/0001-a.md", "**Checked by** `tests/a.py::test_b`.\n", "unchecked_decisions", id="gone"),
        pytest.param("README.md", "See [this](docs/gone.md).\n", "dead_references", id="dead-link"),
        pytest.param("README.md", "See `workflows/gone.py`.\n", "dead_references", id="dead-path"),
        pytest.param("tests/a.py", "async with temporal_" + "server() as server:\n", "unwatched_servers", id="server"),
    ],
)
def test_rules_catch_a_breach(tmp_path: Path, file: str, content: str, rule: str) -> None:
    """Each rule fails on a small tree that breaks it."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(content)

    assert len(getattr(rules, rule)(tmp_path)) == 1


def test_folder_rule_catches_a_breach(tmp_path: Path) -> None:
    """A folder with 26 modules is told, one with 25 and its `__init__` is not."""
    for folder, count in (("full", 26), ("towpath", 25)):
        (tmp_path / "towpath" / folder).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "towpath" / folder / f"m{number}.py").touch()
        (tmp_path / "towpath" / folder / "__init__.py").touch()

    assert rules.crowded(tmp_path) == ["towpath/full: 26 modules"]


@pytest.mark.parametrize("line", ["from towpath.standins.app import StandIns", "import towpath.standins.app"])
def test_import_rule_catches_a_breach(tmp_path: Path, line: str) -> None:
    """An entry point that reaches into another room is found."""
    (tmp_path / "worker.py").write_text(f"{line}\n")

    assert rules.entry_point_imports(tmp_path, {"worker.py": {"towpath.control"}}) == [
        "worker.py imports towpath.standins.app"
    ]


def test_rooms_are_the_checkout() -> None:
    """`workflows` and `activities` are ours, and no installed distribution claims the names."""
    for room in (workflows, activities):
        assert list(room.__path__) == [str(ROOT / room.__name__)]
    claimed = importlib.metadata.packages_distributions()
    assert not {"workflows", "activities", "towpath"} & set(claimed)


def test_catalogue_and_worker_agree() -> None:
    """Every process of the catalogue has its workflow in the worker, and every activity has its own name."""
    first = [workflow_name(workflows[0]) for workflows in worker.WORKFLOWS.values()]
    methods = [method for room in worker.ACTIVITIES for method in activity_methods(room)]

    assert first == list(processes())
    assert len(methods) == len(set(methods))
    assert {path.name for path in (ROOT / "workflows").iterdir() if path.is_dir()} >= {
        process.folder for process in processes().values()
    }


def test_prompts_have_files() -> None:
    """Catalogue and folder name the same prompts."""
    files = {path.stem for path in (ROOT / "towpath/prompts").glob("*.md")}

    assert files == set(PROMPTS)


def test_activities_call_operations_that_exist() -> None:
    """Every operation that an activity names is in its service's document."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "activities").glob("*.py"))
    called = set(re.findall(r'call\(\s*"([\w-]+)",\s*"(\w+)"', source))

    assert len(called) == 6
    assert all(service in services() and operation in operations(service) for service, operation in called)


def test_example_settings_are_complete() -> None:
    """.env.example names every setting once, the required ones without a comment mark."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("# ").partition("=")[0] for line in lines if re.match(r"(# )?[A-Z_]+=", line)]
    required = {line.partition("=")[0] for line in lines if re.match(r"[A-Z_]+=", line)}

    assert sorted(named) == sorted(variable(name) for name in WorkerSettings.model_fields)
    fields = WorkerSettings.model_fields.items()
    assert required == {variable(name) for name, field in fields if field.is_required()}
    assert LocalSettings.model_fields.keys() - WorkerSettings.model_fields.keys() == {"claude_key"}


def test_readme_names_commands_that_exist() -> None:
    """Each `make` target and starter command in the documents exists."""
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    targets, commands = readme_commands("".join(path.read_text(encoding="utf-8") for path in documents))
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert targets
    assert targets <= made
    assert commands
    assert commands <= set(starter.commands.commands)


def test_servers_listen_on_loopback() -> None:
    """What this code starts listens on loopback unless it is told otherwise."""
    assert rules.open_addresses(ROOT) == []
    for name in ("towpath/local/server.py", "towpath/standins/__main__.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert 'LOOPBACK = "127.0.0.1"' in text
        assert "default=LOOPBACK" in text
