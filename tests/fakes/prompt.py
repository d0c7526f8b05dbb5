"""What lets a test's worker hear of a cancellation within a second, as our worker does."""

from datetime import timedelta
from typing import Any

PROMPT: dict[str, Any] = {"max_heartbeat_throttle_interval": timedelta(seconds=1)}
"""Left out, the SDK holds heartbeats back for eight tenths of their time-out: 8 s of our 10."""
