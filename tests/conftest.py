"""Options of all tests: what a run samples, and the seed that it prints."""

import random
from collections.abc import Iterator

import pytest

from tests.caching import CACHE, SUITES, is_off, modules_without
from tests.sealing import SEALING, is_sealed, modules_with

SEEDS = 2**32


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="whole matrices instead of samples of them")
    parser.addoption("--seed", type=int, help="what the samples are drawn by; any, and printed, when it is not given")
    parser.addoption(
        "--cache",
        choices=("sample", "on", "off"),
        default="sample",
        help="the workers' workflow cache: off in a sample of the modules with a server, in none, or in all of them",
    )
    parser.addoption(
        "--encryption",
        choices=("sample", "on", "off"),
        default="sample",
        help="demanded of the stacks under test: in a sample of the modules with a real server, in all, or in none",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before xdist starts its workers, which get the options as they then are: all draw by one seed.
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(SEEDS)


def pytest_report_header(config: pytest.Config) -> list[str]:
    drawn = "whole matrices" if config.option.full else "samples of matrices"
    without = modules_without(config)
    named = ", ".join(without) if config.option.cache == "sample" else f"{len(without)} modules"
    sealed = modules_with(config)
    encrypted = ", ".join(sealed) if config.option.encryption == "sample" else f"{len(sealed)} modules"
    return [
        f"{drawn}; again with --seed {config.option.seed}",
        f"without a workflow cache: {named or 'none'}",
        f"encryption is demanded in: {encrypted or 'none'}",
    ]


@pytest.fixture(scope="module", autouse=True)
def drawn_for_module(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set before any server or worker of the module is there."""
    CACHE.off = request.path.parent.name in SUITES and is_off(request.config, request.path)
    SEALING.on = is_sealed(request.config, request.path)
    yield
    CACHE.off = SEALING.on = False
