"""What travels to and from the activity `ask`."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from towpath.contracts.core.wire import ActivityResult, JsonObject, Wire

ModelAlias = Literal["default", "deep", "fast"]


class Budget(Wire):
    """Ceiling over all Claude calls of one run."""

    usd: Decimal = Field(default=Decimal("1.00"), description="dollars of the United States")
    tokens: int = Field(default=200_000, description="tokens, read and written")


class Usage(Wire):
    """Tokens of one or more calls. `input_tokens` counts cached ones too."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    web_searches: int = 0
    calls: int = 1

    def plus(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


OFFLINE_MODEL = "offline-stand-in"
"""What the stand-in for Claude calls itself in every answer."""


class Provenance(Wire):
    """Where an answer came from, read off the response: never off the settings."""

    model: str
    request_id: str
    prompt: str
    prompt_digest: str


class StopReason(StrEnum):
    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    PAUSE_TURN = "pause_turn"


class Turn(Wire):
    """An earlier turn of the same conversation. `content` is text, or content blocks to be sent back unchanged."""

    role: Literal["user", "assistant"]
    content: str | list[JsonValue]


class InlinePrompt(Wire):
    """A prompt that travels with its request. `text` has what came from outside in `<data>` tags.

    `model` is an alias or a model id. Without `output_schema` the answer is free text.
    """

    name: str
    text: str
    system: str = ""
    model: str = "default"
    output_schema: JsonObject | None = None
    max_tokens: int = 4096
    effort: Literal["low", "medium", "high"] = "low"
    web_search: bool = False
    temperature: float | None = None
    """Of requests of earlier versions, and not sent: the API takes none."""


class AskRequest(Wire):
    """One question to Claude.

    `prompt` names a file in `towpath/prompts` and an entry of `contracts.prompts.PROMPTS`, which holds the output
    schema. `input` is sent as one JSON block in `<input>` tags. `turns` follow the first user turn in a re-ask.
    `budget_left` is what the run may still spend: the activity refuses a call whose worst case goes over it.
    """

    prompt: str
    input: JsonObject
    turns: tuple[Turn, ...] = ()
    max_tokens: int | None = None
    budget_left: Budget | None = None
    inline: InlinePrompt | None = None


class Answer(ActivityResult):
    """`text` is the answer's text as received, unvalidated: the workflow validates, and re-asks when it must.

    `usage` and `cost_usd` are of the successful call; `spent_before` is what failed attempts of this activity used.
    `cost_usd` is None when the model has no known price. `blocks` is filled for pause_turn only.
    `web_search` says that the text is free notes of a search and not yet in the prompt's output schema: the API refuses
    citations together with a schema, so the workflow structures the notes with a second prompt.
    """

    text: str
    stop_reason: StopReason
    usage: Usage
    cost_usd: Decimal | None = None
    spent_before: Usage | None = None
    provenance: Provenance
    web_search: bool = False
    blocks: list[JsonValue] = []
