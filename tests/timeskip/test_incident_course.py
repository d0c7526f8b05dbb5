"""Every way through incident-response, from the first alert to its end."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.fakes.incident import FakeIncident
from tests.timeskip.incident import Incidents, approve, serve_incidents
from towpath.contracts.incident import IncidentOutcome
from towpath.contracts.remediation import ActionState


@pytest_asyncio.fixture(loop_scope="session")
async def incidents(env: WorkflowEnvironment) -> AsyncIterator[Incidents]:
    async with serve_incidents(env, FakeIncident()) as serving:
        yield serving


async def test_approved_rollback_resolves_the_incident(incidents: Incidents) -> None:
    """Alerts, analysis, diagnosis, a plan, an approved rollback that is verified, and the success criteria hold."""
    handle = await incidents.start(skipping=False)
    await approve(handle)
    assert await incidents.env.fast_forward(handle, timedelta(hours=2)) is False
    result = await handle.result()

    assert result.outcome is IncidentOutcome.RESOLVED
    assert [(action.action, action.state) for action in result.actions] == [
        ("rollback-deployment", ActionState.VERIFIED)
    ]
    assert incidents.world.operations() == ["rollbackDeployment"]
