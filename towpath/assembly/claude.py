"""Claude as the settings name it: the worker's client, and that of whatever else asks."""

from towpath.config.settings import ClaudeSettings
from towpath.integrations.claude.client import ClaudeClient, ClaudeClientConfig


def claude_client(settings: ClaudeSettings) -> ClaudeClient:
    return ClaudeClient(
        ClaudeClientConfig(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            models={
                "default": settings.claude_model_default,
                "deep": settings.claude_model_deep,
                "fast": settings.claude_model_fast,
            },
        )
    )
