"""Asking Claude from a workflow: budget, validation of the answer, and bounded re-asks that history shows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue, ValidationError

from activities.claude import ClaudeActivities
from towpath.contracts.core.claude import Answer, AskRequest, Budget, Provenance, StopReason, Turn
from towpath.contracts.core.failure import Failure, FailureCode
from towpath.contracts.core.wire import Wire, clip
from towpath.contracts.prompts import Prompt
from workflows.kit.calling import CallFailedError, call
from workflows.kit.failing import StepFailedError
from workflows.kit.options import CLAUDE
from workflows.kit.steps import Steps

InputT = TypeVar("InputT", bound=Wire)
OutputT = TypeVar("OutputT", bound=Wire)

MAX_REASKS = 2
MAX_LARGER = 2
MAX_PAUSES = 5


@dataclass(frozen=True, slots=True)
class Asked(Generic[OutputT]):
    output: OutputT
    provenance: Provenance


@dataclass(slots=True)
class Conversation:
    """One question while it is being answered: its turns, and how often each kind of re-ask was used.

    `said` is the text before a pause: the answer goes on from there.
    """

    turns: tuple[Turn, ...] = ()
    max_tokens: int | None = None
    calls: int = 0
    reasks: int = 0
    larger: int = 0
    pauses: int = 0
    said: str = ""

    def ask_larger(self, current: int) -> bool:
        self.larger += 1
        self.max_tokens = current * 2
        return self.larger <= MAX_LARGER

    def go_on(self, answer: Answer) -> bool:
        self.pauses += 1
        self.said += answer.text
        self._answered(answer.blocks)
        return self.pauses <= MAX_PAUSES

    def ask_again(self, text: str, problems: tuple[str, ...]) -> bool:
        """`text` is all that was answered. The question stands as it was after an answer that says nothing."""
        self.reasks += 1
        rest = text.removeprefix(self.said)
        self.said = ""
        self._answered([{"type": "text", "text": rest}] if rest.strip() else [])
        if self._spoken is not None:
            wrong = "\n".join(f"- {problem}" for problem in problems[:10])
            correction = f"That answer cannot be used:\n{wrong}\nAnswer again, with this put right."
            self.turns = (*self.turns, Turn(role="user", content=correction))
        return self.reasks <= MAX_REASKS

    def _answered(self, blocks: list[JsonValue]) -> None:
        """Add to Claude's turn. The API refuses an empty one, and all that was said before its end is one turn."""
        if not blocks:
            return
        earlier, spoken = self.turns, self._spoken
        if spoken is not None:
            earlier, blocks = earlier[:-1], [*spoken, *blocks]
        self.turns = (*earlier, Turn(role="assistant", content=blocks))

    @property
    def _spoken(self) -> list[JsonValue] | None:
        """What Claude's turn holds so far; None when it is not Claude's turn."""
        last = self.turns[-1] if self.turns else None
        return (
            last.content if last is not None and last.role == "assistant" and isinstance(last.content, list) else None
        )


class Asker:
    """Asks for one run, within its budget, and books every answer on its step."""

    def __init__(self, steps: Steps, budget: Budget) -> None:
        self._steps = steps
        self._budget = budget

    async def ask(
        self,
        step: str,
        prompt: Prompt[InputT, OutputT],
        given: InputT,
        problems: Callable[[OutputT], tuple[str, ...]] = lambda _: (),
        notes: Callable[[str], Awaitable[Asked[OutputT]]] | None = None,
    ) -> Asked[OutputT]:
        """The validated answer to `prompt`. `problems` are the step's own rules: what it returns is re-asked.

        `notes` turns the free notes of a web search into the output, where the model could search.

        Raises StepFailedError: a failure of the activity, an answer that stays invalid, or a spent budget. The step is
        left running: the caller ends it, since only the caller knows what a missing answer means.
        """
        talk = Conversation()
        while True:
            answer = await self._call(step, prompt.name, given, talk)
            if answer.stop_reason is StopReason.PAUSE_TURN:
                again, found = talk.go_on(answer), ("it paused too often",)
            elif answer.stop_reason is StopReason.MAX_TOKENS:
                again, found = talk.ask_larger(talk.max_tokens or prompt.max_tokens), ("it is too long",)
            elif answer.web_search and notes is not None:
                return await notes(talk.said + answer.text)
            else:
                output, found = _read(prompt, talk.said + answer.text, problems)
                if output is not None:
                    return Asked(output, answer.provenance)
                again = talk.ask_again(talk.said + answer.text, found)
            if not again:
                raise StepFailedError(step, _invalid(prompt.name, found, talk.calls))

    async def _call(self, step: str, prompt: str, given: Wire, talk: Conversation) -> Answer:
        left = self._steps.budget_left(self._budget)
        if left.usd <= 0 or left.tokens <= 0:
            raise StepFailedError(step, Failure(code=FailureCode.BUDGET_EXCEEDED, message="the run's budget is spent"))
        talk.calls += 1
        request = AskRequest(
            prompt=prompt,
            input=given.model_dump(mode="json"),
            turns=talk.turns,
            max_tokens=talk.max_tokens,
            budget_left=left,
        )
        suffix = "" if talk.calls == 1 else f"/{talk.calls}"
        title = self._steps[step].title
        try:
            answer = await call(
                ClaudeActivities.ask,
                request,
                CLAUDE,
                activity_id=f"{step}/{prompt}{suffix}",
                summary=title if talk.calls == 1 else f"{title}: asked again ({talk.calls})",
            )
        except CallFailedError as error:
            self._steps.charge_failure(step, error.failure)
            raise StepFailedError(step, error.failure) from error
        self._steps.charge(step, answer)
        return answer


def _read(
    prompt: Prompt[InputT, OutputT], text: str, problems: Callable[[OutputT], tuple[str, ...]]
) -> tuple[OutputT | None, tuple[str, ...]]:
    """The output, or what is wrong with it in sentences that Claude can act on."""
    try:
        output = prompt.output.model_validate_json(text)
    except ValidationError as error:
        return None, tuple(
            f"{'.'.join(map(str, problem['loc'])) or 'the answer'}: {problem['msg']}" for problem in error.errors()
        )
    found = problems(output)
    return (None, found) if found else (output, ())


def _invalid(prompt: str, found: tuple[str, ...], calls: int) -> Failure:
    return Failure(
        code=FailureCode.CLAUDE_OUTPUT_INVALID,
        message=f"Claude's answer to {prompt} stayed invalid: {len(found)} problems",
        attempts=calls,
        evidence={"prompt": prompt, "first_problem": clip(found[0].split(":")[0], 60) if found else ""},
    )
