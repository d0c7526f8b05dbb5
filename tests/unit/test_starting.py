"""`starter.py start` and `new-process`: what is refused before anything is started or written."""

import pytest
import typer

from towpath.cli.new_process import new_process
from towpath.cli.starting import start_process


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        pytest.param("refunds", "{}", "there is no process 'refunds'", id="unknown"),
        pytest.param("content-publishing", "{}", "own: python starter.py publishing start --help", id="own-command"),
        pytest.param("declared", "{}", "own: python starter.py run --help", id="definitions"),
    ],
)
def test_what_cannot_be_started_is_refused(capsys: pytest.CaptureFixture[str], name: str, given: str, why: str) -> None:
    """A process that is not there, or is started by a command that checks more."""
    with pytest.raises(typer.Exit) as ended:
        start_process(name, given)

    assert ended.value.exit_code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("name", ["incident", "Refund", "x"])
def test_a_process_is_not_written_over(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A name that cannot be is refused in words, and nothing is written."""
    with pytest.raises(typer.Exit) as ended:
        new_process(name)

    assert ended.value.exit_code == 2
    told = capsys.readouterr().err
    assert told.startswith((name, repr(name))) and "Nothing was written." in told
