"""Waiting for a child run, so that a cancellation tells it who asked for it and why."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow

from towpath.contracts.core.run import Cancellation
from workflows.kit.calling import later_cancellation


async def ended(child: workflow.ChildWorkflowHandle[Any, Any], why: Callable[[], Cancellation]) -> Any:
    """Its result. A cancellation is passed on to it, and met after its end; one that it outlived is not lost.

    Raises ChildWorkflowError.
    """
    with later_cancellation():
        try:
            return await asyncio.shield(child)
        except asyncio.CancelledError:
            child.cancel(why().in_words)
        return await child


def asked_for() -> Cancellation:
    """Who cancelled this run, and why."""
    return Cancellation.parse(workflow.cancellation_reason() or "")
