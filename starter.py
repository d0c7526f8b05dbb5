"""The command line: start processes, follow them, decide reviews, mend failed runs, run the demo."""

import typer

from towpath.cli import (
    declared,
    definition,
    history,
    incident,
    local,
    onboarding,
    problems,
    publishing,
    queue,
    results,
    review,
)
from towpath.cli.etl import commands as etl
from towpath.cli.terminal import EXIT_CODES

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Start processes and follow them.\n\nTemporal is found by TEMPORAL_ADDRESS or a Temporal profile.\n\n"
        + EXIT_CODES
    ),
)
onboarding.register(app)
declared.register(app)
results.register(app)
history.register(app)
problems.register(app)
local.register(app)
app.add_typer(publishing.app, name="publishing")
app.add_typer(definition.app, name="definition")
app.add_typer(incident.app, name="incident")
app.add_typer(etl.app, name="etl")
app.add_typer(review.app, name="review")
app.add_typer(queue.app, name="queue")

if __name__ == "__main__":
    app()
