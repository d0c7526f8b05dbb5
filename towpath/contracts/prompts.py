"""The catalogue of prompts: for each file in `towpath/prompts`, its input and output types and how it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from towpath.contracts.core.claude import ModelAlias
from towpath.contracts.core.wire import Wire
from towpath.contracts.incident.investigation import AnalysisAnswer, AnalysisTask, DiagnosisAnswer, DiagnosisTask
from towpath.contracts.incident.remediation import ActionPlanTask, PlanAnswer
from towpath.contracts.onboarding.customer import (
    CompanyFacts,
    CompanyResearch,
    KitFacts,
    ResearchNotes,
    WelcomeKitDraft,
)
from towpath.contracts.pipeline.quality import ValidationAnswer, ValidationTask
from towpath.contracts.pipeline.transformation import Proposal, ProposalTask
from towpath.contracts.publishing.campaign import (
    AdaptationTask,
    ArticleDraft,
    ContentAnalysis,
    PostDraft,
    QualityAnswer,
    SourceText,
    TextQualityTask,
    ThreadDraft,
)

InputT_co = TypeVar("InputT_co", bound=Wire, covariant=True)
OutputT_co = TypeVar("OutputT_co", bound=Wire, covariant=True)


@dataclass(frozen=True, slots=True)
class Prompt(Generic[InputT_co, OutputT_co]):
    """`web_search` asks for the search tool where the model offers it; `Answer.web_search` says what then returns."""

    name: str
    input: type[InputT_co]
    output: type[OutputT_co]
    model: ModelAlias = "default"
    max_tokens: int = 4096
    effort: Literal["low", "medium", "high"] = "low"
    web_search: bool = False


RESEARCH_COMPANY = Prompt("research-company", CompanyFacts, CompanyResearch, web_search=True)
STRUCTURE_RESEARCH = Prompt("structure-research", ResearchNotes, CompanyResearch, model="fast")
WELCOME_KIT = Prompt("welcome-kit", KitFacts, WelcomeKitDraft, max_tokens=8192)
ANALYSE_CONTENT = Prompt("analyse-content", SourceText, ContentAnalysis)
ADAPT_X = Prompt("adapt-x", AdaptationTask, ThreadDraft)
ADAPT_LINKEDIN = Prompt("adapt-linkedin", AdaptationTask, PostDraft)
ADAPT_BLOG = Prompt("adapt-blog", AdaptationTask, ArticleDraft, max_tokens=16_384)
CHECK_QUALITY = Prompt("check-quality", TextQualityTask, QualityAnswer)
ANALYSE_INCIDENT = Prompt("analyse-incident", AnalysisTask, AnalysisAnswer)
DIAGNOSE_INCIDENT = Prompt("diagnose-incident", DiagnosisTask, DiagnosisAnswer, effort="medium", max_tokens=8192)
PROPOSE_TRANSFORMATION = Prompt("propose-transformation", ProposalTask, Proposal, effort="medium", max_tokens=16_384)
VALIDATE_SAMPLE = Prompt("validate-sample", ValidationTask, ValidationAnswer)
PLAN_ACTIONS = Prompt("plan-actions", ActionPlanTask, PlanAnswer)

ADAPTATIONS: Mapping[str, Prompt[AdaptationTask, ThreadDraft | PostDraft | ArticleDraft]] = {
    prompt.name: prompt for prompt in (ADAPT_X, ADAPT_LINKEDIN, ADAPT_BLOG)
}
"""What a platform's data file may name as its prompt."""

PROMPTS: Mapping[str, Prompt[Wire, Wire]] = {
    prompt.name: prompt
    for prompt in (
        *(RESEARCH_COMPANY, STRUCTURE_RESEARCH, WELCOME_KIT),
        *(ANALYSE_CONTENT, *ADAPTATIONS.values(), CHECK_QUALITY),
        *(PROPOSE_TRANSFORMATION, VALIDATE_SAMPLE),
        *(ANALYSE_INCIDENT, DIAGNOSE_INCIDENT, PLAN_ACTIONS),
    )
}
