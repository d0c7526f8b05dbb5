"""Claude's proposal of a specification: what it is asked from, and what its answer becomes."""

from towpath.contracts.stages import ProposalInput
from towpath.contracts.transformation import Proposal, ProposalTask, Specification, SpecificationProblem


def proposal_task(
    given: ProposalInput, problems: tuple[SpecificationProblem, ...] = (), previous: str = ""
) -> ProposalTask:
    """The input of the prompt, cut to a bounded size; `problems` and `previous` for the repair."""
    raise NotImplementedError(given, problems, previous)


def read_proposal(source: str, proposal: Proposal) -> tuple[Specification | None, tuple[SpecificationProblem, ...]]:
    """The typed specification, or what is wrong with the operations' arguments."""
    raise NotImplementedError(source, proposal)
