"""The onboarding with its order changed and no patch: what replay must catch."""

from temporalio import workflow

from towpath.contracts.onboarding import OnboardingRequest, OnboardingResult
from towpath.contracts.process import ONBOARDING
from workflows.onboarding import CustomerOnboardingWorkflow


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
