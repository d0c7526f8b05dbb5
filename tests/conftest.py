"""Options of all tests: what a run samples, and the seed that it prints."""

import random

import pytest

SEEDS = 2**32


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="whole matrices instead of samples of them")
    parser.addoption("--seed", type=int, help="what the samples are drawn by; any, and printed, when it is not given")


def pytest_configure(config: pytest.Config) -> None:
    # Before xdist starts its workers, which get the options as they then are: all draw by one seed.
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(SEEDS)


def pytest_report_header(config: pytest.Config) -> str:
    drawn = "whole matrices" if config.option.full else "samples of matrices"
    return f"{drawn}; again with --seed {config.option.seed}"
