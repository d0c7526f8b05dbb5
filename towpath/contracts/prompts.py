"""The catalogue of prompts: for each file in `towpath/prompts`, its input and output types and how it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from towpath.contracts.claude import ModelAlias
from towpath.contracts.onboarding import CompanyFacts, CompanyResearch, KitFacts, ResearchNotes, WelcomeKitDraft
from towpath.contracts.wire import Wire

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

PROMPTS: Mapping[str, Prompt[Wire, Wire]] = {
    prompt.name: prompt for prompt in (RESEARCH_COMPANY, STRUCTURE_RESEARCH, WELCOME_KIT)
}
