"""Platforms are data: files that are checked when they are read, and a new one needs no code of the rules."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.platforms import FOLDER, PLATFORMS
from towpath.config.platforms import PlatformFilesError, UnknownPlatformError, load_platforms
from towpath.contracts.core.failure import FailureCode
from towpath.contracts.prompts import ADAPTATIONS
from towpath.contracts.publishing.campaign import ContentShape, PlatformRules
from towpath.integrations.publishing.adapter import ADAPTERS

GOOD = (FOLDER / "linkedin-2026-11.yaml").read_text(encoding="utf-8")
MASTODON = GOOD.replace('"linkedin"', '"mastodon"').replace('"LinkedIn"', '"Mastodon"').replace("3000", "500")


def test_shipped_platforms() -> None:
    """The three channels of the process, with the limits that the platforms state."""
    x, linkedin, blog = PLATFORMS.named(["x", "linkedin", "blog"])

    assert (x.shape, x.max_length, x.url_length, x.wide_weight) == (ContentShape.THREAD, 280, 23, 2)
    assert (x.min_follow_ups, x.max_follow_ups, x.spacing) == (3, 5, timedelta(minutes=30))
    assert (linkedin.shape, linkedin.max_length) == (ContentShape.POST, 3000)
    assert (blog.shape, blog.markup, blog.adapter) == (ContentShape.ARTICLE, "markdown", "wordpress")
    assert PLATFORMS.block_list


def test_new_platform_is_a_file(tmp_path: Path) -> None:
    """Beside its prompt and its adapter, which other tests hold to their lists."""
    (tmp_path / "mastodon-2026-11.yaml").write_text(MASTODON, encoding="utf-8")

    found = load_platforms(tmp_path, adapters=["mastodon"], prompts=ADAPTATIONS)

    assert [rules.title for rules in found.named(["mastodon"])] == ["Mastodon"]
    assert found.block_list == ()


def test_newest_version_counts(tmp_path: Path) -> None:
    """Older files may stay for the record."""
    for version, most in (("2026-11", "500"), ("2027-02", "1000")):
        text = MASTODON.replace("2026-11", version).replace("500", most)
        (tmp_path / f"mastodon-{version}.yaml").write_text(text, encoding="utf-8")

    assert load_platforms(tmp_path).rules["mastodon"].max_length == 1000


def test_unknown_channel_is_named() -> None:
    """With the one that was meant."""
    with pytest.raises(UnknownPlatformError, match="no channel 'linkedn': did you mean 'linkedin'") as caught:
        PLATFORMS.named(["x", "linkedn"])

    assert caught.value.code is FailureCode.STEP_INPUT


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param("max_length: 500", "max_length: -1", "8:13: max_length: must be", id="range"),
        pytest.param(
            "max_length", "max_lenght", "8:1: unknown field 'max_lenght': did you mean 'max_length'", id="typo"
        ),
        pytest.param("needs_link: true", "needs_link: soon", "needs_link: must be true or false", id="type"),
        pytest.param("days: [0, 4]", "days: [0, 7]", "windows.2.days.1: must be at most 6", id="day"),
        pytest.param("days: [0, 4]", "days: []", "windows.2.days: must not be empty", id="no-day"),
        pytest.param('"post"', '"video"', "7:8: shape: must be 'thread', 'post' or 'article'", id="shape"),
        pytest.param("max_links: 2", "max_links: 0", "max_links: must be at least 1 where needs_link", id="disagree"),
        pytest.param("max_links: 2", "max_follow_ups: 2", "max_follow_ups: only a thread has", id="no-thread"),
        pytest.param('adapter: "linkedin"', "", "adapter: is missing: add it", id="missing"),
        pytest.param(
            'adapter: "mastodon"', 'adapter: "mastodn"', "there is no adapter 'mastodn': did you", id="adapter"
        ),
        pytest.param('"adapt-linkedin"', '"adapt-linkedn"', "there is no prompt 'adapt-linkedn'", id="prompt"),
        pytest.param('"adapt-linkedin"', '"adapt-x"', "'adapt-x' asks for another shape than post", id="other-shape"),
        pytest.param('"2026-11"', '"2026-12"', "must be named mastodon-2026-12.yaml", id="file-name"),
        pytest.param("max_length: 500", "max_length: [", ":10:10: did not find", id="syntax"),
        pytest.param(MASTODON, "- a", "a platform file is a mapping", id="list"),
    ],
)
def test_wrong_file_is_refused_with_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """File, line and column, and what to mend, before anything starts."""
    text = MASTODON.replace('adapter: "mastodon"', 'adapter: "linkedin"') if old == 'adapter: "linkedin"' else MASTODON
    assert old in text
    path = tmp_path / "mastodon-2026-11.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(PlatformFilesError) as caught:
        load_platforms(tmp_path, adapters=["mastodon"], prompts=ADAPTATIONS)

    assert f"{path}:" in str(caught.value)
    assert problem in str(caught.value)


def test_shipped_files_name_what_is_there() -> None:
    """Adapters of this version, and prompts of their shape."""
    assert load_platforms(FOLDER, ADAPTERS, ADAPTATIONS).rules == PLATFORMS.rules


def test_every_field_is_in_the_manual() -> None:
    """Who adds a channel reads the table, and its example is a file that can be read."""
    manual = (FOLDER.parents[1] / "docs" / "platforms.md").read_text(encoding="utf-8")

    missing = [name for name in PlatformRules.model_fields if not re.search(rf"^\|[^|]*`{name}`", manual, re.MULTILINE)]

    assert missing == []


def test_example_of_the_manual_can_be_read(tmp_path: Path) -> None:
    """As it stands there."""
    manual = (FOLDER.parents[1] / "docs" / "platforms.md").read_text(encoding="utf-8")
    example = manual.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "mastodon-2026-11.yaml").write_text(example, encoding="utf-8")

    (rules,) = load_platforms(tmp_path, adapters=["mastodon"], prompts=ADAPTATIONS).named(["mastodon"])

    assert rules.max_length == 500


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    """It is a wrong path, not an installation without channels."""
    with pytest.raises(PlatformFilesError, match="there is no platform file"):
        load_platforms(tmp_path)
