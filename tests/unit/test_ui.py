"""Where links to Temporal's UI lead."""

from pathlib import Path

import pytest

from towpath.control.ui import noted, ui_url


@pytest.mark.parametrize(
    ("address", "configured", "expected"),
    [
        pytest.param("localhost:7233", None, "http://127.0.0.1:8233", id="start-dev"),
        pytest.param("127.0.0.1:7300", None, "http://127.0.0.1:8300", id="start-dev-on-another-port"),
        pytest.param("[::1]:7233", None, "http://127.0.0.1:8233", id="another-name-of-this-machine"),
        pytest.param("temporal.example:7233", None, None, id="elsewhere"),
        pytest.param("ns.acct.tmprl.cloud:7233", "https://cloud.temporal.io", "https://cloud.temporal.io", id="set"),
        pytest.param("127.0.0.1:7233", "http://127.0.0.1:80", "http://127.0.0.1:80", id="set-for-this-machine"),
    ],
)
def test_without_a_local_stack(address: str, configured: str | None, expected: str | None, tmp_path: Path) -> None:
    """What is set counts; on this machine it is where `start-dev` has it; elsewhere nobody guesses."""
    assert ui_url(address, configured, tmp_path / "ui") == expected


def test_the_local_stack_says_where_its_ui_is(tmp_path: Path) -> None:
    """While it is up, links lead to the port that it found free; two stacks do not disturb each other."""
    with noted("127.0.0.1:7233", "http://127.0.0.1:40001", tmp_path):
        with noted("127.0.0.1:7500", "http://127.0.0.1:40002", tmp_path):
            assert ui_url("127.0.0.1:7500", None, tmp_path) == "http://127.0.0.1:40002"
        assert ui_url("localhost:7233", None, tmp_path) == "http://127.0.0.1:40001"
        assert ui_url("localhost:7500", None, tmp_path) == "http://127.0.0.1:8500"
    assert ui_url("localhost:7233", None, tmp_path) == "http://127.0.0.1:8233"
