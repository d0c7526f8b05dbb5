"""The workflow cache of the workers under test: off in some test modules, so that each of their tasks replays."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkerConfig

SUITES = ("timeskip", "integration")
ONE_IN = 6
"""So many modules share one without a cache, in a sample."""


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
