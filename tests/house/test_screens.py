"""Nothing is shown past the one cleaner of texts, and a new way to show something is found."""

from pathlib import Path

import pytest

from tests.house.screens import OURS, unclean

ROOT = Path(__file__).resolve().parents[2]


def test_whatever_shows_texts_cleans_them() -> None:
    """Terminal, chat, pager, mail, page and Temporal's UI are written to by files that use the cleaner."""
    assert unclean(ROOT) == []


def test_exceptions_exist() -> None:
    """Each file that is excused is there."""
    assert [name for name in OURS if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    "planted",
    [
        "print(label)",
        "import sys\nsys.stdout.write(label)",
        "import sys\nout = sys.stderr",
        "from rich.console import Console\nConsole().print(label)",
        "import rich.console\nrich.console.Console(stderr=True)",
        "workflow.set_current_details(label)",
        "from starlette.responses import HTMLResponse\nHTMLResponse(label)",
        "import jinja2\njinja2.Environment(autoescape=True)",
        'http.post(f"{base}/chat.postMessage", json={"text": label})',
        'web.ask("POST", "/v2/enqueue", json={})',
        "server.sendmail(a, b, label)",
        "from towpath.contracts.core.text import clean\nprint(label)",
    ],
    ids=lambda planted: planted.split("\n")[-1],
)
def test_a_new_sink_is_found(tmp_path: Path, planted: str) -> None:
    """Each is told with its line, also where the cleaner is imported and not used."""
    file = tmp_path / "towpath" / "a.py"
    file.parent.mkdir()
    file.write_text(planted + "\n", encoding="utf-8")

    assert unclean(tmp_path)


def test_what_cleans_is_left_alone(tmp_path: Path) -> None:
    """A file that uses the cleaner may show what it cleaned."""
    file = tmp_path / "a.py"
    file.write_text("from towpath.contracts.core.text import clean\nprint(clean(label))\n", encoding="utf-8")

    assert unclean(tmp_path) == []
