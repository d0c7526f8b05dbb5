"""`starter.py export-history`: a run's history as JSON, for replay tests and for looking at it elsewhere."""

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from temporalio.client import WorkflowHistory

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.connection import client, run
from towpath.cli.files import write_text
from towpath.cli.run_ids import RunId, full_id
from towpath.cli.terminal import Exit, console, fail
from towpath.views.wording import count


def register(app: typer.Typer) -> None:
    app.command("export-history")(export_history)


def export_history(
    workflow_id: RunId,
    file: Annotated[Path, typer.Argument(help="Where to write it; an existing file is never overwritten.")],
    run_id: Annotated[str | None, typer.Option(help="One run of the id; without it, the latest.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a run's history to a file, with its workflow id without host names and paths."""
    if file.exists():
        fail(Exit.WRONG_INPUT, f"{file} exists: a recorded history is kept as it is, take another name")
    history = run(_fetch(full_id(workflow_id), run_id))
    document = {"workflow_id": history.workflow_id, "history": without_hosts(history.to_json_dict())}
    write_text(file, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        show_json({"workflow_id": history.workflow_id, "file": str(file), "events": len(history.events)})
        return
    console.print(f"{file}: {count(len(history.events), 'event')} of {history.workflow_id}", markup=False)


async def _fetch(workflow_id: str, run_id: str | None) -> WorkflowHistory:
    return await (await client()).get_workflow_handle(workflow_id, run_id=run_id).fetch_history()


LOCAL = frozenset({"identity", "stackTrace"})
"""Process ids, host names and paths of the machines that worked on a run: of no use in a file, and not for everyone."""


def without_hosts(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {name: "recorded" if name in LOCAL else without_hosts(item) for name, item in items}
    if isinstance(value, list):
        return [without_hosts(item) for item in cast("list[Any]", value)]
    return value
