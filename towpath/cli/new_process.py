"""`starter.py new-process`: the files of a new process, which work as they are written."""

from typing import Annotated

import typer

from towpath.cli.as_json import JsonFlag, show_json
from towpath.cli.terminal import Exit, console, fail
from towpath.local.skeleton import SkeletonError, write_process


def register(app: typer.Typer) -> None:
    app.command("new-process")(new_process)


def new_process(
    name: Annotated[str, typer.Argument(help="What it is called everywhere, as in refund.", metavar="NAME")],
    as_json: JsonFlag = False,
) -> None:
    """Write the files of a new process: a request, a human task, an activity with its effect, a result.

    Example: starter.py new-process refund
    """
    try:
        written = [str(path) for path in write_process(name)]
    except SkeletonError as error:
        fail(Exit.WRONG_INPUT, *str(error).splitlines(), "Nothing was written.")
    if as_json:
        show_json({"process": name, "written": written})
        return
    console.print(
        *(f"written: {path}" for path in written),
        "Start the worker again; then, for example:",
        f"""  python starter.py start {name} --input '{{"reference": "first"}}'""",
        f"  python starter.py review approve {name}/first --as dana",
        f"  python starter.py runs result {name}/first",
        sep="\n",
        markup=False,
        soft_wrap=True,
    )
