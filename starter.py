"""The command line: start processes, follow them, decide reviews, mend failed runs, run the demo.

Each command stands here with its module, which is loaded when the command is called.
"""

try:
    import signal

    if __name__ == "__main__":
        # Ctrl-C while the rest is loaded: an import could swallow the exception, or be told as a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
except KeyboardInterrupt:
    raise SystemExit(130) from None

import sys

from towpath.cli.edge.lazy import Command, CommandGroup, Parts, hidden, tree
from towpath.cli.edge.main import main
from towpath.cli.terminal import EXIT_CODES

DEFINITION = Parts(
    "Definitions of workflows: check, look at, try out, and publish them.",
    {
        "check": Command(
            "towpath.cli.definition.offline",
            "Everything that is wrong with definitions: where, what, and how to mend it. Nothing is started.",
        ),
        "plan": Command(
            "towpath.cli.definition.offline",
            "The graph of a definition: what waits for what, as text and as Mermaid; and when its schedules fire next.",
        ),
        "test": Command(
            "towpath.cli.definition.trying",
            "Run a definition's own tests in memory, with no Temporal, and every fault of every step; "
            "print the coverage.",
        ),
        "publish": Command(
            "towpath.cli.definition.published",
            "Check a definition and publish it. Runs under way keep theirs; schedules are made what it says.",
        ),
        "list": Command("towpath.cli.definition.published", "Published definitions, with their latest version."),
        "show": Command(
            "towpath.cli.definition.published",
            "The versions of a published definition, and when its schedules fire next.",
        ),
        "diff": Command(
            "towpath.cli.definition.published",
            "What changed between two definitions, in meaning and not in text, and how risky that is.",
        ),
        "schema": Command("towpath.cli.definition.offline", "JSON Schema of the language, for editors."),
    },
)

OF_ANY_RUN = {
    "list": Command("towpath.cli.runs", "Runs of all processes and definitions, the newest first."),
    "status": Command(
        "towpath.cli.status",
        "Every step with state, attempts, times and cost, and what the run waits for until when.",
    ),
    "watch": Command("towpath.cli.runs", "Follow a run until it ends."),
    "explain": Command("towpath.cli.runs", "In words: what a run waits for, what failed, and what to do next."),
    "result": Command(
        "towpath.cli.runs",
        "Wait for a run's result. Exits 0 for success: a customer onboarded, a campaign published, rows loaded, …",
    ),
    "cancel": Command("towpath.cli.status", "Cancel a run. What it did is undone."),
    "redrive": Command(
        "towpath.cli.redriving.command",
        "Continue a failed run: answers and decisions are kept, and effects keep their keys.",
    ),
}
RUNS = Parts("Runs of any process: find, follow, understand, end, and mend them.", OF_ANY_RUN)

QUEUE = Parts(
    "Dead-letter queues: failed runs, and what to do about them.",
    {
        "list": Command("towpath.cli.queue", "Failed runs that nobody has redriven or discarded yet."),
        "show": Command("towpath.cli.queue", "Why a run failed, what was undone, and what a redrive would keep."),
        "redrive": OF_ANY_RUN["redrive"],
        "discard": Command("towpath.cli.queue", "Take a failed run out of its queue for good. Its history stays."),
    },
)

INCIDENT = Parts(
    "Incidents: alerts received, people called, actions approved.",
    {
        "receive": Command(
            "towpath.cli.incident.receiving",
            "Take alerts from Alertmanager's webhook, until Ctrl-C. Each group of alerts is one incident.",
        ),
        "list": Command("towpath.cli.incident.commands", "Incidents, the most severe first."),
        "show": Command(
            "towpath.cli.incident.commands",
            "What is known of an incident: severity, diagnosis, actions, who has it, and the timeline.",
        ),
        "acknowledge": Command("towpath.cli.incident.commands", "Take an incident: nobody else is called for it."),
        "approve": Command("towpath.cli.incident.commands", "Let an action be carried out. The first decision counts."),
        "reject": Command("towpath.cli.incident.commands", "Keep an action from being carried out. People take over."),
        "switch": CommandGroup(
            "towpath.cli.incident.actions",
            "The kill switch: while it is on, no action is carried out anywhere.",
            app="switch",
        ),
        "actions": CommandGroup(
            "towpath.cli.incident.actions",
            "The catalogue of actions: all that may be done about an incident.",
            app="actions",
        ),
    },
)

ETL = Parts(
    "ETL pipelines: check, run, follow, back-fill.",
    {
        "check": Command(
            "towpath.cli.etl.commands",
            "Everything that is wrong with pipelines, each problem with its place and its mend.",
        ),
        "list": Command(
            "towpath.cli.etl.commands",
            "The pipelines of the folder: where their rows come from, where they go, and when they run next.",
        ),
        "schema": Command("towpath.cli.etl.commands", "JSON Schema of a pipeline's file, for editors."),
        "run": Command("towpath.cli.etl.commands", "Run a pipeline. A second start joins the run that is under way."),
        "watch": Command(
            "towpath.cli.etl.commands",
            "Follow the latest run of a pipeline until it ends: partitions, rows, rows a second.",
        ),
        "result": Command("towpath.cli.etl.commands", "How the latest run of a pipeline ended."),
        "report": Command(
            "towpath.cli.etl.report",
            "Write the report of the latest run: one HTML page that needs no other file, or the facts of it as JSON.",
        ),
        "quarantine": Command(
            "towpath.cli.etl.quarantine",
            "What the latest run set aside and no replay has loaded since, by stage and rule.",
        ),
        "backfill": Command(
            "towpath.cli.etl.backfill",
            "Run a pipeline over days that have passed, in ranges. The watermark stays where it is.",
        ),
        "schedule": Command(
            "towpath.cli.etl.schedule",
            "Make a pipeline's schedule what its file says, or change nothing when it is. Safe to repeat, "
            "as after a deploy.",
        ),
        "profile": Command(
            "towpath.cli.etl.profile",
            "What is in a source: nulls, distinct values, extremes, shapes, frequent values. "
            "Needs no server and no worker.",
        ),
    },
)

COMMANDS = Parts(
    f"Start processes and follow them.\n\nTemporal is found by TEMPORAL_ADDRESS or a Temporal profile.\n\n{EXIT_CODES}",
    {
        "start": Command("towpath.cli.starting", "Start a run of a process. Starting twice for one key is one run."),
        "runs": RUNS,
        "onboarding": Command("towpath.cli.onboarding", "Onboard a customer, by options, a JSON file, or stdin."),
        "customer-key": Command(
            "towpath.cli.onboarding",
            "The key of a customer without an own id: services that start runs themselves use customer-onboarding/KEY.",
        ),
        "run": Command("towpath.cli.declared", "Run a definition. Inputs are checked before anything starts."),
        "pause": Command("towpath.cli.declared", "Start no further step; what runs goes on."),
        "resume": Command("towpath.cli.declared", "Go on after a pause."),
        "skip": Command("towpath.cli.declared", "Skip a step that has not ended."),
        "set-output": Command("towpath.cli.declared", "Supply the output of a step that has not ended."),
        "emit": Command(
            "towpath.cli.declared",
            "Deliver an event to the runs that wait for it, and start those that its triggers start.",
        ),
        "export-history": Command(
            "towpath.cli.history",
            "Write a run's history to a file, with its workflow id without host names and paths.",
        ),
        "problems": Command(
            "towpath.cli.problems", "Runs that stand still: their workflow task fails again and again."
        ),
        "demo": Command(
            "towpath.cli.local.commands", "Show the processes on a local stack, every step as it happens, and end."
        ),
        "up": Command(
            "towpath.cli.local.commands",
            "Keep the local stack up until Ctrl-C: Temporal with its UI, stand-ins, one worker.",
        ),
        "faults": CommandGroup(
            "towpath.cli.local.faults", "Let a stand-in of the local stack fail, and see what becomes of the runs."
        ),
        "new-process": Command(
            "towpath.cli.new_process",
            "Write the files of a new process: a request, a human task, an activity with its effect, a result.",
        ),
        "publishing": CommandGroup(
            "towpath.cli.publishing", "Campaigns: one content, adapted to every channel and published once."
        ),
        "definition": DEFINITION,
        "incident": INCIDENT,
        "etl": ETL,
        "review": CommandGroup("towpath.cli.review", "Human tasks: what waits for a decision, and deciding it."),
        "queue": QUEUE,
        **{name: hidden(OF_ANY_RUN[name]) for name in ("status", "result", "cancel", "redrive")},
        "run-status": hidden(OF_ANY_RUN["status"]),
    },
)

commands = tree(COMMANDS)

if __name__ == "__main__":
    main(commands, sys.argv[1:])
