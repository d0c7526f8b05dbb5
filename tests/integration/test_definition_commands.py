"""Definitions by starter.py, as a user handles them: checked, published, compared, run, steered, redriven, emitted."""

import json
from pathlib import Path
from uuid import uuid4

from tests.integration.commands import starter, starter_json
from tests.integration.conftest import House
from tests.waiting import until

STEERED = """
id: "%s"
version: "1.0.0"
inputs: {who: {type: "string", default: "Kim"}}
steps:
  - {id: "first", type: "set", config: {greeting: "Hello {{ inputs.who }}"}}
  - {id: "hold", type: "wait", config: {event: "test.go"}}
  - {id: "maybe", type: "wait", config: {event: "test.never"}}
  - {id: "last", type: "set", config: {text: "{{ steps.hold.data.word }}, {{ steps.first.greeting }}"}}
"""


PARENT = """
id: "%s"
version: "1.0.0"
steps:
  - {id: "child", type: "workflow", config: {
      id: "CHILD",
      inputs: {whom: "Lee"}}}
"""
ORDERS = 6
BAD = """
id: "%s"
version: "1.0.0"
steps:
  - {id: a, type: function, config: {handler: approveCustomr}}
  - {id: a, type: set}
"""


def write(folder: Path, text: str) -> tuple[str, str]:
    """An id of its own, and the file."""
    name = f"cli-{uuid4().hex[:8]}"
    file = folder / f"{name}.yaml"
    file.write_text(text % name)
    return name, str(file)


def edit(file: str, *changes: tuple[str, str]) -> None:
    path = Path(file)
    text = path.read_text()
    for old, new in changes:
        text = text.replace(old, new)
    path.write_text(text)


async def until_running(house: House, run: str, step: str) -> None:
    async def state() -> str:
        record = await starter_json(house, "run-status", run)
        return next(found["state"] for found in record["steps"] if found["step"] == step)

    await until(state, lambda found: found == "running")


async def test_bad_definition_is_told_whole(house: House, tmp_path: Path) -> None:
    """Every mistake has a place, a code and a mend; nothing is published or started."""
    _, file = write(tmp_path, BAD)
    code, output, problems = await starter(house, "definition", "check", file)
    output += problems
    as_json, listed, _ = await starter(house, "definition", "check", file, "--json")
    refused, _, _ = await starter(house, "definition", "publish", file, "--by", "kim")
    not_run, _, _ = await starter(house, "run", file)

    assert (code, as_json, refused, not_run) == (1, 1, 1, 1), problems
    assert f"{file}:6:" in output and "approveCustomer" in output
    assert {"line", "column", "code", "what", "mend"} <= set(json.loads(listed)[0]["diagnostics"][0])


async def test_run_is_steered_by_hand(house: House, tmp_path: Path) -> None:
    """Pause, resume, an output by hand and a skip; the record names who and why."""
    name, file = write(tmp_path, STEERED)
    run = (await starter_json(house, "run", file, "--key", "one"))["workflow_id"]
    await until_running(house, run, "hold")
    await starter_json(house, "pause", run, "--by", "dana", "--reason", "looking")
    await starter_json(
        house, "set-output", run, "hold", "--value", '{"data": {"word": "Bye"}}', "--by", "dana", "--reason", "told"
    )
    paused = await starter_json(house, "run-status", run)
    await starter_json(house, "resume", run, "--by", "dana")
    await until_running(house, run, "maybe")
    code, _, problems = await starter(house, "skip", run, "nothing", "--by", "dana", "--reason", "x")
    await starter_json(house, "skip", run, "maybe", "--by", "dana", "--reason", "not needed")
    result = await starter_json(house, "result", run)
    _, shown, _ = await starter(house, "run-status", run)

    assert name in run and paused["paused"] is True
    assert result["outputs"]["last"] == {"text": "Bye, Hello Kim"}
    assert "dana" in shown and "not needed" in shown
    assert code != 0 and "nothing" in problems


async def test_published_versions_are_compared_and_run(house: House, tmp_path: Path) -> None:
    """Publish, list, show, diff by version, refuse a small bump, and run one by its version."""
    name, file = write(tmp_path, STEERED)
    first = await starter_json(house, "definition", "publish", file, "--by", "kim", "--note", "begun")
    edit(file, ('  - {id: "maybe", type: "wait", config: {event: "test.never"}}\n', ""), ("1.0.0", "1.0.1"))
    small, _, problems = await starter(house, "definition", "publish", file, "--by", "kim")
    edit(file, ("1.0.1", "2.0.0"))
    second = await starter_json(house, "definition", "publish", file, "--by", "kim")
    listed = await starter_json(house, "definition", "list")
    _, difference, _ = await starter(house, "definition", "diff", f"{name}@1.0.0", name)
    run = (await starter_json(house, "run", f"{name}@1.0.0"))["workflow_id"]
    await until_running(house, run, "hold")
    record = await starter_json(house, "run-status", run)
    await starter_json(house, "cancel", run)

    assert first["new"] and second["new"] and small != 0 and "Make it 2.0.0" in problems
    assert next(found for found in listed if found["id"] == name)["versions"][-1]["version"] == "2.0.0"
    assert "maybe" in difference
    assert [step["step"] for step in record["steps"]] == ["first", "hold", "maybe", "last"]


async def test_published_definition_runs_only_what_is_published(house: House, tmp_path: Path) -> None:
    """A step that runs another definition is held against the published ones, and against their inputs."""
    child, file = write(tmp_path, STEERED)
    parent, other = write(tmp_path, PARENT)
    edit(other, ("CHILD", child))
    unknown, _, told = await starter(house, "definition", "publish", other, "--by", "kim")
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    wrong, _, inputs = await starter(house, "definition", "publish", other, "--by", "kim")
    edit(other, ("whom", "who"))
    published = await starter_json(house, "definition", "publish", other, "--by", "kim")

    assert unknown == wrong == 1
    assert f"6:11: definition.unknown: no definition '{child}' is published" in told
    assert f"7:16: param.unknown: {child} takes no 'whom': did you mean 'who'?" in inputs
    assert published["new"], parent


async def test_failed_run_is_redriven_with_an_output(house: House, tmp_path: Path) -> None:
    """A failed run goes on from where it failed; --dry-run says what is kept, --set gives what could not be done."""
    name, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
inputs: {zero: {type: "integer", default: 0}}
steps:
  - {id: "kept", type: "set", config: {number: 7}}
  - {id: "broken", type: "set", config: {total: "{{ 1 / inputs.zero }}"}}
  - {id: "sum", type: "set", config: {total: "{{ steps.kept.number + steps.broken.total }}"}}
""",
    )
    code, _, _ = await starter(house, "run", file, "--key", "red", "--wait")
    run = f"{name}/red"
    dry = await starter_json(house, "redrive", run, "--dry-run", "--set", 'broken={"total": 5}')
    again = await starter_json(house, "runs", "redrive", run, "--set", 'broken={"total": 5}')
    result = await starter_json(house, "result", again["workflow_id"])

    assert code == 1
    assert dry["kept"] == ["broken", "kept"] and dry["failed_step"] == "broken" and dry["run_id"] is None
    assert again["kept"] == dry["kept"] and again["run_id"]
    assert result["outputs"]["sum"] == {"total": 12}


async def test_one_output_is_told_handed_up_and_given_by_a_redrive(house: House, tmp_path: Path) -> None:
    """`result` tells it, in words and as JSON; a run that starts this one has it; a redrive comes to it."""
    text = 'id: "%s"\nversion: "1.0.0"\ninputs: {zero: {type: integer, default: 0}}\n'
    broken = '{id: "broken", type: "set", config: {total: "{{ 1 / inputs.zero }}"}}'
    name, file = write(tmp_path, f'{text}steps: [{broken}]\noutput: ["{{{{ steps.broken.total }}}}"]\n')
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    call = f'{{id: "child", type: "workflow", config: {{id: "{name}", inputs: {{zero: 1}}}}}}'
    parent, above = write(tmp_path, f'{text}steps: [{call}]\noutput: "{{{{ steps.child[0] }}}}"\n')
    await starter(house, "run", file, "--key", "red", "--wait")
    again = await starter_json(house, "runs", "redrive", f"{name}/red", "--set", 'broken={"total": 5}')
    redriven = await starter_json(house, "result", again["workflow_id"])
    code, told, problems = await starter(house, "run", above, "--key", "up", "--wait")
    result = await starter_json(house, "result", f"{parent}/up")

    assert (redriven["output"], redriven["outputs"]) == ([5], {})
    assert code == 0 and "output: 1" in told, problems
    assert result["output"] == 1


async def test_event_starts_what_its_trigger_says(house: House, tmp_path: Path) -> None:
    """An event starts one run of a published definition, however often it comes; the filter decides."""
    name, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
triggers:
  - type: "event"
    source: "test.ordered"
    filter: "{{ event.data.amount }} > 10"
    inputs: {amount: "{{ event.data.amount }}"}
inputs: {amount: {type: "number"}}
steps:
  - {id: "double", type: "set", config: {amount: "{{ inputs.amount * 2 }}"}}
""",
    )
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    small = await starter_json(house, "emit", "--type", "test.ordered", "--data", '{"amount": 5}')
    event = {"specversion": "1.0", "id": uuid4().hex, "source": "test", "type": "test.ordered", "data": {"amount": 50}}
    once = await starter_json(house, "emit", "-", given=json.dumps(event))
    twice = await starter_json(house, "emit", "-", given=json.dumps(event))
    result = await starter_json(house, "result", once["started"][0])

    assert small["started"] == [] and once["started"] == twice["started"]
    assert once["started"][0].startswith(f"{name}/")
    assert result["outputs"]["double"] == {"amount": 100}


async def test_schedule_is_previewed_over_a_change_of_clocks(house: House, tmp_path: Path) -> None:
    """The firings around the night without a half past two, by Temporal's own reckoning; removed with the trigger."""
    name, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
triggers: [{type: "schedule", cron: "30 2 * * *", timezone: "Europe/Berlin"}]
steps: [{id: "only", type: "set", config: {a: 1}}]
""",
    )
    published = await starter_json(house, "definition", "publish", file, "--by", "kim")
    shown = await starter_json(house, "definition", "show", name, "--around", "2027-03-28")
    _, text, _ = await starter(house, "definition", "show", name, "--around", "2027-03-28")
    edit(file, ("triggers:", "triggers: [] #"), ("1.0.0", "2.0.0"))
    removed = await starter_json(house, "definition", "publish", file, "--by", "kim")

    assert published["schedules"] == [f"made {name}/0: 30 2 * * * Europe/Berlin"]
    lines = "\n".join(shown["firings"][0]["firings"])
    assert "2027-03-27" in lines and "2027-03-29" in lines and "clocks were set forward" in text
    assert removed["schedules"] == [f"removed {name}/0"]
    assert (await starter_json(house, "definition", "show", name))["problems"] == []


async def test_schedule_starts_a_run_for_each_item(house: House, tmp_path: Path) -> None:
    """One firing asks a service for its items and starts a run for each."""
    name, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
triggers:
  - type: "schedule"
    cron: "0 3 1 1 *"
    for_each:
      service: "order-service"
      method: "listOrders"
      params: {day: "2026-03-01x6"}
      items: "{{ output.orders }}"
      as: "order"
    inputs: {reference: "{{ order }}"}
inputs: {reference: {type: "string"}}
steps: [{id: "only", type: "set", config: {seen: "{{ inputs.reference }}"}}]
""",
    )
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    await house.client.get_schedule_handle(f"{name}/0").trigger()
    query = f'DefinitionId="{name}" AND WorkflowType="declared" AND ExecutionStatus="Completed"'

    async def count() -> int:
        return (await house.client.count_workflows(query)).count

    found = await until(count, lambda number: number == ORDERS)
    launched = [run async for run in house.client.list_workflows(f'WorkflowId STARTS_WITH "launch-{name}"')]
    seen = {
        (await house.client.get_workflow_handle(run.id).result())["outputs"]["only"]["seen"]
        async for run in house.client.list_workflows(query)
    }

    assert len(seen) == found
    assert len(launched) == 1


async def test_low_success_rate_is_told_once(house: House, tmp_path: Path) -> None:
    """Runs that failed make the rate fall below the alert's condition; the team is told at the first look only."""
    name, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
inputs: {n: {type: "integer"}}
steps: [{id: "only", type: "set", config: {a: "{{ 1 / inputs.n }}"}}]
monitoring: {metrics: ["success_rate"], alerts: [{condition: "success_rate < 95%%", channel: "slack"}]}
""",
    )
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    for number in range(10):
        await starter(house, "run", name, "--key", str(number), "--input", json.dumps({"n": 0 if number < 2 else 1}))
    query = f'DefinitionId="{name}" AND WorkflowType="declared" AND ExecutionStatus!="Running"'
    await until(lambda: house.client.count_workflows(query), lambda found: found.count == 10)
    watch = house.client.get_schedule_handle(f"{name}/success-rate")
    looks = f'WorkflowType="declared-rate-watch" AND WorkflowId STARTS_WITH "{name}/" AND ExecutionStatus="Completed"'
    for number in (1, 2):
        await watch.trigger()
        await until(lambda: house.client.count_workflows(looks), lambda found, wanted=number: found.count >= wanted)
    posts = [post for post in (await house.http.get("/_standins/messages")).json()["slack"] if name in json.dumps(post)]

    assert len(posts) == 1 and "8 of 10" in json.dumps(posts)


async def test_tasks_are_decided_by_the_same_person(house: House, tmp_path: Path) -> None:
    """Two tasks of one run, the second with a form: each is decided on its own, and a sent-again decision is one."""
    _, file = write(
        tmp_path,
        """
id: "%s"
version: "1.0.0"
steps:
  - {id: "first", type: "human-task", config: {assignee: "compliance-team", title: "Look"}}
  - id: "second"
    type: "human-task"
    config:
      assignee: "compliance-team"
      instructions: "Say how much."
      form: {type: "object", required: ["amount"], properties: {amount: {type: "number"}}}
""",
    )
    run = (await starter_json(house, "run", file))["workflow_id"]
    await until_running(house, run, "first")
    await starter_json(house, "review", "approve", run, "--as", "dana", "--task", "first")
    await until_running(house, run, "second")
    _, shown, _ = await starter(house, "review", "show", run)
    code, _, problems = await starter(house, "review", "approve", run, "--as", "dana")
    await starter_json(house, "review", "approve", run, "--as", "dana", "--data", '{"amount": 5}')
    result = await starter_json(house, "result", run)

    assert "Say how much." in shown and "--data JSON" in shown
    assert code == 1 and "misses amount" in problems
    assert result["outputs"]["second"]["data"] == {"amount": 5}


async def test_run_that_cannot_begin_says_so(house: House) -> None:
    """Started by a plain client with a definition that is none, it fails at once, and answers queries afterwards."""
    handle = await house.client.start_workflow(
        "declared",
        {"definition": {"id": "x", "version": "1.0.0", "steps": []}, "digest": "0" * 64},
        id=f"x/{uuid4().hex}",
        task_queue="declared",
    )
    code, _, problems = await starter(house, "result", handle.id)
    record = await starter_json(house, "run-status", handle.id)

    assert code == 1 and "cannot be run" in problems
    assert record["status"] == "failed" and record["steps"] == []


async def test_what_cannot_be_done_is_told_by_its_exit_code(house: House, tmp_path: Path) -> None:
    """3 for what is not there; 1 for a run that has ended, which nothing changes any more."""
    name, file = write(tmp_path, 'id: %s\nversion: "1.0.0"\nsteps:\n  - {id: one, type: set, config: {}}\n')
    await starter_json(house, "definition", "publish", file, "--by", "kim")
    run = (await starter_json(house, "run", file, "--key", "one", "--wait")) and f"{name}/one"
    by = ("--by", "dana", "--reason", "late")
    codes = {
        " ".join(command[:2]): (await starter(house, *command))[0]
        for command in [
            ("run", "never-published"),
            ("run", f"{name}@9.0.0"),
            ("redrive", run),
            ("pause", f"{name}/none", "--by", "dana"),
            ("pause", run, "--by", "dana"),
            ("skip", run, "one", *by),
            ("cancel", run),
        ]
    }
    _, _, problems = await starter(house, "cancel", run)
    assert codes == {
        "run never-published": 3,
        f"run {name}@9.0.0": 3,
        f"redrive {run}": 3,
        f"pause {name}/none": 3,
        f"pause {run}": 1,
        f"skip {run}": 1,
        f"cancel {run}": 1,
    }
    assert "has ended (completed)" in problems
