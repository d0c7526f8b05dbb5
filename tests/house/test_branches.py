"""Nothing asks which process it has, outside of that process's own folders; and the rule is seen to catch a breach."""

from pathlib import Path

import pytest

from tests.house.branches import process_branches

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_asks_which_process_it_has() -> None:
    """What a process is stands in its entry and in its folders."""
    assert process_branches(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "if process is PUBLISHING: ...",
        "if name == PUBLISHING.name: ...",
        "if name in (PUBLISHING.name, 'other'): ...",
        "if name.startswith(f'{PUBLISHING.name}/'): ...",
        "if name == 'content-publishing': ...",
        "if name.startswith('content-publishing/'): ...",
        "WORDS = {PUBLISHING.name: 'published'}",
        "WORDS = {'content-publishing': 'published'}",
        "if isinstance(failure, PublishingFailure): ...",
        "match name:\n    case PUBLISHING.name: ...",
        "match failure:\n    case PublishingFailure(): ...",
        "from towpath.contracts.publishing.process import PUBLISHING as ours\nif process is ours: ...",
        "from towpath.contracts.publishing import process as ours\nif process is ours.PUBLISHING: ...",
        "import towpath.contracts.publishing.process as ours\nif process is ours.PUBLISHING: ...",
        "import towpath.contracts.publishing.process\nif p is towpath.contracts.publishing.process.PUBLISHING: ...",
    ],
)
def test_a_branch_by_process_is_found(tmp_path: Path, line: str) -> None:
    """Each way to ask for a process is seen, and is nobody's fault in a module of that process."""
    imports = "from towpath.contracts.publishing.process import PUBLISHING\n"
    imports += "from towpath.contracts.publishing.campaign import PublishingFailure\n"
    for name in ("control/reviews.py", "control/publishing.py", "publishing/any.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{imports}{line}\n")

    assert [told.partition(":")[0] for told in process_branches(tmp_path)] == ["control/reviews.py"]
