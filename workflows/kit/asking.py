"""Asking Claude from a workflow: budget, validation of the answer, and bounded re-asks that history shows. Prompts of
processes and `claude` steps of definitions are asked in the same conversation.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar, cast

from pydantic import JsonValue, ValidationError

from activities.claude import ClaudeActivities
from towpath.contracts.core.claude import Answer, AskRequest, Budget, Provenance, StopReason, Turn
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import Wire, clip
from towpath.contracts.prompts import Prompt
from workflows.kit.calling import CallFailedError, call
from workflows.kit.failing import StepFailedError
from workflows.kit.options import CLAUDE, Work
from workflows.kit.steps import Steps

InputT = TypeVar("InputT", bound=Wire)
OutputT = TypeVar("OutputT", bound=Wire)
AnswerT = TypeVar("AnswerT")

MAX_REASKS = 2
MAX_LARGER = 2
MAX_PAUSES = 5

Problems = tuple[str, ...]
"""What is wrong with an answer, in sentences that Claude can act on."""


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """What is asked, what reads its answer, and what its activities are called."""

    step: str
    """The step on which the answers are booked."""
    request: AskRequest
    max_tokens: int
    read: Callable[[str], tuple[AnswerT | None, Problems]]
    failed: Callable[[Failure], Exception]
    """What is raised for a failure."""
    place: str
    """The id of the first call; that of a later one has its number after `again`."""
    again: str = "/"
    work: Work = CLAUDE
    wants_notes: bool = False
    """Whether the free notes of a web search are the answer, instead of being read."""
    prompt: str = ""
    """The prompt's name, where a failure is to tell it."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What Claude wrote after a search on the web."""

    text: str
    calls: int


@dataclass(frozen=True, slots=True)
class Reply(Generic[AnswerT]):
    output: AnswerT
    provenance: Provenance
    calls: int


class Conversation(Generic[AnswerT]):
    """One question while it is being answered, within the budget of its run; every answer is booked on its step."""

    def __init__(self, question: Question[AnswerT], steps: Steps, budget: Budget, calls: int = 0) -> None:
        """`calls` is how often was asked before it, for the same step."""
        self._question = question
        self._steps = steps
        self._budget = budget
        self._turns: tuple[Turn, ...] = ()
        self._max_tokens: int | None = None
        self._calls = calls
        self._reasks = 0
        self._larger = 0
        self._pauses = 0
        self._said = ""
        """The text before a pause: the answer goes on from there."""

    async def answer(self) -> Reply[AnswerT] | Notes:
        """Raises what the question says: a failure of the activity, an answer that stays invalid, a spent budget."""
        while True:
            answer = await self._ask()
            text = self._said + answer.text
            if answer.stop_reason is StopReason.PAUSE_TURN:
                again, problems = self._go_on(answer), ("it paused too often",)
            elif answer.stop_reason is StopReason.MAX_TOKENS:
                again, problems = self._ask_larger(), ("it is too long",)
            elif answer.web_search and self._question.wants_notes:
                return Notes(text, self._calls)
            else:
                output, problems = self._question.read(text)
                if not problems:
                    return Reply(cast("AnswerT", output), answer.provenance, self._calls)
                again = self._ask_again(text, problems)
            if not again:
                raise self._question.failed(self._invalid(problems))

    async def _ask(self) -> Answer:
        question, left = self._question, self._steps.budget_left(self._budget)
        if left.usd <= 0 or left.tokens <= 0:
            raise question.failed(Failure(code=FailureCode.BUDGET_EXCEEDED, message="the run's budget is spent"))
        self._calls += 1
        said = {"turns": self._turns, "max_tokens": self._max_tokens, "budget_left": left}
        title, number = self._steps[question.step].title, self._calls
        tell = question.work.terms.tell or partial(self._steps.wait_for_quota, question.step)
        try:
            answer = await call(
                ClaudeActivities.ask,
                question.request.model_copy(update=said),
                replace(question.work, terms=replace(question.work.terms, tell=tell)),
                activity_id=question.place if number == 1 else f"{question.place}{question.again}{number}",
                summary=title if number == 1 else f"{title}: asked again ({number})",
            )
        except CallFailedError as error:
            self._steps.charge_failure(question.step, error.failure)
            raise question.failed(error.failure) from error
        self._steps.charge(question.step, answer)
        return answer

    def _ask_larger(self) -> bool:
        self._larger += 1
        self._max_tokens = (self._max_tokens or self._question.max_tokens) * 2
        return self._larger <= MAX_LARGER

    def _go_on(self, answer: Answer) -> bool:
        self._pauses += 1
        self._said += answer.text
        self._answered(answer.blocks)
        return self._pauses <= MAX_PAUSES

    def _ask_again(self, text: str, problems: Problems) -> bool:
        """`text` is all that was answered. The question stands as it was after an answer that says nothing."""
        self._reasks += 1
        rest = text.removeprefix(self._said)
        self._said = ""
        self._answered([{"type": "text", "text": rest}] if rest.strip() else [])
        if self._spoken is not None:
            wrong = "\n".join(f"- {problem}" for problem in problems[:10])
            correction = f"That answer cannot be used:\n{wrong}\nAnswer again, with this put right."
            self._turns = (*self._turns, Turn(role="user", content=correction))
        return self._reasks <= MAX_REASKS

    def _answered(self, blocks: list[JsonValue]) -> None:
        """Add to Claude's turn. The API refuses an empty one, and all that was said before its end is one turn."""
        if not blocks:
            return
        earlier, spoken = self._turns, self._spoken
        if spoken is not None:
            earlier, blocks = earlier[:-1], [*spoken, *blocks]
        self._turns = (*earlier, Turn(role="assistant", content=blocks))

    @property
    def _spoken(self) -> list[JsonValue] | None:
        """What Claude's turn holds so far; None when it is not Claude's turn."""
        last = self._turns[-1] if self._turns else None
        return (
            last.content if last is not None and last.role == "assistant" and isinstance(last.content, list) else None
        )

    def _invalid(self, problems: Problems) -> Failure:
        prompt = self._question.prompt
        first = problems[0].split(":")[0] if prompt else problems[0]
        return Failure(
            code=FailureCode.CLAUDE_OUTPUT_INVALID,
            message=f"Claude's answer{prompt and f' to {prompt}'} stayed invalid: {len(problems)} problems",
            attempts=self._calls,
            evidence={**({"prompt": prompt} if prompt else {}), "first_problem": clip(first, 60)},
        )


@dataclass(frozen=True, slots=True)
class Asked(Generic[OutputT]):
    output: OutputT
    provenance: Provenance


class Asker:
    """Asks the prompts of one run of a process."""

    def __init__(self, steps: Steps, budget: Budget) -> None:
        self._steps = steps
        self._budget = budget

    async def ask(
        self,
        step: str,
        prompt: Prompt[InputT, OutputT],
        given: InputT,
        problems: Callable[[OutputT], Problems] = lambda _: (),
        notes: Callable[[str], Awaitable[Asked[OutputT]]] | None = None,
    ) -> Asked[OutputT]:
        """The validated answer to `prompt`. `problems` are the step's own rules: what it returns is re-asked.

        `notes` turns the free notes of a web search into the output, where the model could search.

        Raises StepFailedError. The step is left running: the caller ends it, since only the caller knows what a missing
        answer means.
        """
        question = Question(
            step=step,
            request=AskRequest(prompt=prompt.name, input=given.model_dump(mode="json")),
            max_tokens=prompt.max_tokens,
            read=lambda text: _read(prompt, text, problems),
            failed=lambda failure: StepFailedError(step, failure),
            place=f"{step}/{prompt.name}",
            wants_notes=notes is not None,
            prompt=prompt.name,
        )
        reply = await Conversation(question, self._steps, self._budget).answer()
        if isinstance(reply, Notes):
            return await cast("Callable[[str], Awaitable[Asked[OutputT]]]", notes)(reply.text)
        return Asked(reply.output, reply.provenance)


def _read(
    prompt: Prompt[InputT, OutputT], text: str, problems: Callable[[OutputT], Problems]
) -> tuple[OutputT | None, Problems]:
    try:
        output = prompt.output.model_validate_json(text)
    except ValidationError as error:
        return None, tuple(
            f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}" for problem in error.errors()
        )
    return output, problems(output)
