"""The workflow cache of the workers under test: off in some test modules, so that each of their tasks replays."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Interceptor, OutboundInterceptor, QueryWorkflowInput
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerConfig

SUITES = ("timeskip", "integration")
ONE_IN = 6
"""So many modules share one without a cache, in a sample."""


TRIES, TRY = 6, timedelta(seconds=3)
LOST = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED}


@dataclass
class Cache:
    """Whether the workers that are made now keep runs between their tasks."""

    off: bool = False

    def settings(self) -> Mapping[str, str]:
        """For worker.py."""
        return {"TOWPATH_MAX_CACHED_WORKFLOWS": "0"} if self.off else {}


CACHE = Cache()


class CacheSwitch(SimplePlugin):
    """Given to a client, it rules all workers that use the client."""

    def __init__(self) -> None:
        super().__init__("towpath.tests.cache")

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        if CACHE.off:
            config["max_cached_workflows"] = 0
        return config


class QueriesAgain(Interceptor):
    """Given to a client, it asks again while there is no cache: the SDK's core may drop a query of a run that it evicts
    ("leftover buffered tasks"), and the server then waits for the answer.
    """

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _AskAgain(next)


class _AskAgain(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        if not CACHE.off or input.rpc_timeout is not None:
            return await super().query_workflow(input)
        for _ in range(TRIES - 1):
            try:
                return await super().query_workflow(replace(input, rpc_timeout=TRY))
            except RPCError as error:
                if error.status not in LOST:
                    raise
        return await super().query_workflow(input)


def is_off(config: pytest.Config, module: Path) -> bool:
    """By `--cache on`, `off`, or `sample`, which draws by the seed."""
    if config.option.cache != "sample":
        return config.option.cache == "off"
    drawn = hashlib.sha256(f"{config.option.seed}/{module.parent.name}/{module.stem}".encode()).digest()
    return drawn[0] % ONE_IN == 0


def modules_without(config: pytest.Config) -> Sequence[str]:
    """The modules whose workers have no cache in this run."""
    here = Path(__file__).parent
    found = [module for suite in SUITES for module in sorted((here / suite).glob("test_*.py"))]
    return [f"{module.parent.name}/{module.name}" for module in found if is_off(config, module)]
