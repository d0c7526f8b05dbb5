"""The shape of a request to the Messages API, and the API's words for a request of another shape."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from towpath.standins.claude.errors import RefusedError, invalid

JsonObject = dict[str, JsonValue]

SAMPLING = frozenset({"temperature", "top_p", "top_k"})
OFFLINE_BLOCKS = frozenset({"image", "document", "search_result", "server_tool_use", "container_upload"})
"""Blocks that the API takes and that nothing can be derived from here."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TextBlock(Part):
    type: Literal["text"]
    text: str
    cache_control: JsonValue = None
    citations: JsonValue = None


class ToolUseBlock(Part):
    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonObject
    cache_control: JsonValue = None
    caller: JsonValue = None


class ThinkingBlock(Part):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinkingBlock(Part):
    type: Literal["redacted_thinking"]
    data: str


def _as_blocks(content: object) -> object:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class ToolResultBlock(Part):
    type: Literal["tool_result"]
    tool_use_id: str
    content: Annotated[list[TextBlock], BeforeValidator(_as_blocks)] = []
    is_error: bool = False
    cache_control: JsonValue = None


Block = Annotated[
    TextBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedThinkingBlock, Field(discriminator="type")
]


def _not_blank(blocks: list[Block]) -> list[Block]:
    if not blocks or any(isinstance(block, TextBlock) and not block.text.strip() for block in blocks):
        raise ValueError("text content must be non-empty")
    return blocks


def _some(turns: "list[MessageTurn]") -> "list[MessageTurn]":
    if not turns:
        raise ValueError("at least one message is required")
    return turns


class MessageTurn(Part):
    role: Literal["user", "assistant", "system"]
    content: Annotated[list[Block], BeforeValidator(_as_blocks), AfterValidator(_not_blank)]

    def text(self) -> str:
        between = "" if self.role == "assistant" else "\n"
        return between.join(block.text for block in self.content if isinstance(block, TextBlock))


class JsonFormat(Part):
    type: Literal["json_schema"]
    body: JsonObject = Field(alias="schema")


class OutputConfig(Part):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None


class Thinking(Part):
    type: Literal["adaptive", "between_tools", "disabled", "enabled"]
    budget_tokens: Annotated[int, Field(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class ToolChoice(Part):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False


class ClaudeRequest(Part):
    """What counting tokens and asking have in common."""

    model: str
    messages: Annotated[list[MessageTurn], AfterValidator(_some)]
    system: Annotated[list[TextBlock], BeforeValidator(_as_blocks)] = []
    tools: list[JsonObject] = []
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig = OutputConfig()
    cache_control: JsonValue = None
    speed: Literal["standard", "fast"] | None = None

    def user_text(self) -> str:
        return "\n".join(turn.text() for turn in self.messages if turn.role == "user")

    def paused_text(self) -> str:
        """What the assistant's turn at the end says, which is to be gone on with."""
        last = self.messages[-1]
        return last.text() if last.role == "assistant" else ""

    def output_schema(self) -> JsonObject | None:
        return None if self.output_config.format is None else self.output_config.format.body


class MessageRequest(ClaudeRequest):
    """`max_tokens` of 0 is allowed: it only fills the prompt cache."""

    max_tokens: Annotated[int, Field(ge=0)]
    stream: bool = False
    stop_sequences: list[str] = []
    metadata: JsonObject | None = None
    service_tier: Literal["auto", "standard_only"] = "auto"
    container: JsonValue = None
    diagnostics: JsonValue = None
    inference_geo: str | None = None


def parse_question(raw: bytes) -> ClaudeRequest:
    """Raises RefusedError."""
    try:
        return ClaudeRequest.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(error) from None


def parse_request(raw: bytes) -> MessageRequest:
    """Raises RefusedError."""
    try:
        return MessageRequest.model_validate_json(raw)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> RefusedError:
    return invalid(_sentence(error.errors(include_url=False, include_context=True, include_input=False)[0]))


def _sentence(detail: ErrorDetails) -> str:
    """Place and trouble of one violation, in the manner of the API."""
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "json_invalid":
        return "the request body is not valid JSON"
    if detail["type"] == "extra_forbidden" and place in SAMPLING:
        return f"{place}: sampling parameters are not supported at this version of the API"
    tag = str(detail.get("ctx", {}).get("tag", "")).strip("'")
    if detail["type"] == "union_tag_invalid" and tag in OFFLINE_BLOCKS:
        return f"{place}: {tag} blocks are not available offline"
    text = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {text[:1].lower()}{text[1:]}"
