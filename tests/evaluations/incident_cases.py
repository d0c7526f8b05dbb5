"""Incident cases through the process itself: from the alerts to the plan, with the kill switch on."""

from dataclasses import replace
from pathlib import Path

from temporalio.worker import Worker

from activities.attempts import ActivityEdge
from activities.batch import with_batches
from tests.evaluations.cases import IncidentCase
from tests.evaluations.incident_properties import incident_properties
from tests.evaluations.incident_world import IncidentWorld, shipped_files
from tests.evaluations.place import Clock, Place, end, new_id, report, until_ended
from tests.evaluations.properties import CaseReport, verdict_of
from towpath.config.incident_files import CheckedFiles
from towpath.contracts.incident.incident import IncidentRequest, IncidentView
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.incident.remediation import ActionCatalogue
from workflows.incident.workflow import IncidentResponseWorkflow
from workflows.sandbox import runner

LAST_STEP = "action-plan"
ASKED = frozenset({"analysis", "diagnosis", "plan"})
"""Parts that Claude is asked for."""


async def run_incident(place: Place, case: IncidentCase, files: CheckedFiles | None = None) -> CaseReport:
    """What the process makes of the case. What it does not come to fails."""
    checked = files or shipped_files()
    workflow_id, queue = new_id(case.name), f"incidents/{case.name}"
    world = IncidentWorld(case, checked, _folder(place))
    worker = Worker(
        place.client,
        task_queue=queue,
        workflows=[IncidentResponseWorkflow],
        activities=with_batches(await world.activities()),
        workflow_runner=runner(),
        interceptors=[ActivityEdge()],
        build_id="evaluation",
    )
    try:
        async with worker:
            clock = Clock()
            handle = await place.client.start_workflow(
                IncidentResponseWorkflow.run,
                IncidentRequest(group_key=case.name, service=case.service),
                id=workflow_id,
                task_queue=queue,
                start_signal="alerts",
                start_signal_args=[world.alerts()],
            )
            record = await until_ended(handle, LAST_STEP)
            seconds = clock.seconds()
            view: IncidentView = await handle.query(IncidentResponseWorkflow.incident)
            await end(handle)
    finally:
        await world.close()
    held = incident_properties(case, view, checked.catalogue or ActionCatalogue(), world.logs.planted)
    answered = view.plan is not None and not view.degraded.keys() & ASKED
    verdict = verdict_of(held, answered=answered)
    found = report(place, INCIDENT.name, case.name, held, record, seconds)
    return replace(found, view=view, kind=case.kind, verdict=verdict)


def _folder(place: Place) -> Path:
    return place.folder / "artefacts"
