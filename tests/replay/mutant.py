"""Workflows that do things in another order, with no patch: what replay must catch."""

from temporalio import workflow

from towpath.contracts.declared.run import DECLARED, ITEMS, DeclaredRequest, DeclaredResult, ItemsRequest, ItemsResult
from towpath.contracts.incident.incident import IncidentRequest, IncidentResult
from towpath.contracts.incident.process import INCIDENT
from towpath.contracts.onboarding.customer import OnboardingRequest, OnboardingResult
from towpath.contracts.onboarding.process import ONBOARDING
from towpath.contracts.publishing.campaign import PublishingRequest, PublishingResult
from towpath.contracts.publishing.process import PUBLISHING
from workflows.declared.parts import perform_part
from workflows.declared.repeating import Stop
from workflows.declared.workflow import DeclaredWorkflow
from workflows.incident.workflow import IncidentResponseWorkflow
from workflows.onboarding.workflow import CustomerOnboardingWorkflow
from workflows.publishing.workflow import ContentPublishingWorkflow


@workflow.defn(name=ONBOARDING.name)
class MutantOnboardingWorkflow(CustomerOnboardingWorkflow):
    """Provisions before it checks."""

    @workflow.init
    def __init__(self, request: OnboardingRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: OnboardingRequest) -> OnboardingResult:
        await self._provisioning.run()
        return await super().run(request)


@workflow.defn(name=DECLARED)
class MutantDeclaredWorkflow(DeclaredWorkflow):
    """Writes a memo before the first step."""

    @workflow.init
    def __init__(self, request: DeclaredRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: DeclaredRequest) -> DeclaredResult:
        workflow.upsert_memo({"mutant": True})
        return await super().run(request)


@workflow.defn(name=ITEMS)
class MutantItemsWorkflow:
    """Writes a memo before the first item."""

    @workflow.run
    async def run(self, request: ItemsRequest) -> ItemsResult:
        workflow.upsert_memo({"mutant": True})
        return await perform_part(request, Stop())


@workflow.defn(name=PUBLISHING.name)
class MutantPublishingWorkflow(ContentPublishingWorkflow):
    """Writes a memo before the first step."""

    @workflow.init
    def __init__(self, request: PublishingRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: PublishingRequest) -> PublishingResult:
        workflow.upsert_memo({"mutant": True})
        return await super().run(request)


@workflow.defn(name=INCIDENT.name)
class MutantIncidentWorkflow(IncidentResponseWorkflow):
    """Writes a memo before the first page."""

    @workflow.init
    def __init__(self, request: IncidentRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: IncidentRequest) -> IncidentResult:
        workflow.upsert_memo({"mutant": True})
        return await super().run(request)
