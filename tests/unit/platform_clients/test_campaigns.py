"""What a campaign is read from, the accounts that this worker has, and the settings that name them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import pytest
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities.publishing import PublishingActivities
from towpath.assembly.clients import publishers
from towpath.config.platforms import load_platforms
from towpath.config.settings import SettingsError, WorkerSettings
from towpath.config.values import WordPressAccountSettings, XAccountSettings
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.failure import FailureCode, HouseError, PublishError
from towpath.contracts.core.service import Undone
from towpath.contracts.core.wire import EffectKey
from towpath.contracts.publishing.campaign import (
    Adaptation,
    Campaign,
    ChannelWish,
    CheckTexts,
    ChooseTimes,
    LoadCampaign,
    Metadata,
)
from towpath.contracts.publishing.posting import Post, PublishedPost, PublishPost, ReleaseSlot, ReserveSlot, Slot
from towpath.integrations.publishing.adapter import ADAPTERS, Adapter, Publishers
from towpath.integrations.publishing.campaigns import CampaignSources
from towpath.integrations.storage.artefacts import ArtefactStore

ROOT = Path(__file__).resolve().parents[3]
CONTENT = "# Busan\n\nThe depot has 40 gates. “We start on Monday”, says Kim Minji.\n"
BOTH = (ChannelWish(channel="x"), ChannelWish(channel="blog", account="main"))


def settings(**fields: object) -> WorkerSettings:
    needed = ("email_check_url", "accounts_url", "billing_url", "crm_url")
    given: dict[str, object] = dict.fromkeys(needed, "http://127.0.0.1:1")
    given |= {"slack_token": "s", "smtp_host": "127.0.0.1", "mail_from": "a@b.example", "ANTHROPIC_API_KEY": "k"}
    return WorkerSettings.model_validate(given | fields)


ACCOUNTS = {
    "x_accounts": {"main": XAccountSettings(user_id="1", username="hanbit", token="X")},
    "wordpress_accounts": {"main": WordPressAccountSettings(site="https://b.example", user="kim", token="BLOG")},
    "publishing_tokens": {"X": SecretStr("tok-1"), "BLOG": SecretStr(" a b c \n")},
}


class NoSlots:
    """Reserves nothing."""

    async def reserve(self, request: ReserveSlot) -> Slot:
        return Slot(at=request.at)

    async def release(self, request: ReleaseSlot) -> Undone:
        return Undone(found=bool(request.key))


def room(store: Path) -> PublishingActivities:
    posting = publishers(settings(**ACCOUNTS), httpx.AsyncClient())
    platforms = load_platforms(ROOT / "definitions" / "platforms", ADAPTERS)
    return PublishingActivities(CampaignSources(platforms, posting, ArtefactStore(str(store))), posting, NoSlots())


async def load(store: Path, **fields: object) -> Campaign:
    given: dict[str, object] = {"content": CONTENT, "artefact": None, "channels": BOTH} | fields
    return await ActivityEnvironment().run(room(store).load_campaign, LoadCampaign.model_validate(given))


async def test_a_campaign_is_read_with_its_platforms(tmp_path: Path) -> None:
    """Short content comes with the request, long content from the store; both are read alike."""
    artefact = await ArtefactStore(str(tmp_path)).keep(CONTENT.encode())
    kept = await load(tmp_path, content=None, artefact=artefact)
    given = await load(tmp_path)

    assert kept == given
    assert [rules.platform for rules in kept.platforms] == ["x", "blog"]
    assert (kept.excerpt, kept.characters) == (CONTENT, len(CONTENT))
    assert kept.block_list
    assert kept.places == {"x/main": "https://x.com/hanbit/status/", "blog/main": "https://b.example/"}


async def test_front_matter_is_no_content(tmp_path: Path) -> None:
    """Its embargo is taken over, what is not read is told, and Claude is given the text alone."""
    front = "---\nembargo: 2027-01-15\ninternal: 010-1234-5678\n---\n"
    loaded = await load(tmp_path, content=f"{front}{CONTENT}<!-- secret -->", zones=("Asia/Seoul",))

    assert loaded.excerpt == CONTENT
    assert loaded.embargo == datetime(2027, 1, 14, 15, tzinfo=UTC)
    assert loaded.notes == ("front matter: nothing is done with internal",)


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        pytest.param({"content": "---\ndraft: true\n---\nx"}, FailureCode.PUBLISH_REFUSED, "a draft", id="draft"),
        pytest.param(
            {"channels": (ChannelWish(channel="blug"),)}, FailureCode.STEP_INPUT, "'blug'", id="unknown-channel"
        ),
        pytest.param(
            {"channels": (ChannelWish(channel="x", account="other"),)},
            FailureCode.PUBLISH_AUTH,
            "no account 'other' on x: add it to TOWPATH_X_ACCOUNTS",
            id="unknown-account",
        ),
        pytest.param(
            {"channels": (ChannelWish(channel="linkedin"),)},
            FailureCode.PUBLISH_AUTH,
            "TOWPATH_LINKEDIN_ACCOUNTS",
            id="no-accounts-there",
        ),
        pytest.param({"zones": ("Europe/Berln",)}, FailureCode.PUBLISH_REFUSED, "Europe/Berlin", id="unknown-zone"),
        pytest.param({"content": " \n"}, FailureCode.PUBLISH_REFUSED, "there is none", id="no-content"),
        pytest.param(
            {"content": None, "artefact": Artefact(sha256="0" * 64, size_bytes=9)},
            FailureCode.PUBLISH_UNAVAILABLE,
            "TOWPATH_ARTEFACT_STORE",
            id="content-that-is-not-there",
        ),
        pytest.param(
            {"content": None, "artefact": Artefact(sha256="0" * 64, size_bytes=2**21)},
            FailureCode.PUBLISH_REFUSED,
            "above 1 MB",
            id="content-too-large",
        ),
    ],
)
async def test_what_would_stop_a_campaign_is_said_at_its_start(
    tmp_path: Path, fields: dict[str, object], code: FailureCode, text: str
) -> None:
    """Each problem names its place and how to mend it, before Claude is asked anything."""
    with pytest.raises(HouseError) as caught:
        await load(tmp_path, **fields)

    assert caught.value.code is code
    assert text in caught.value.message


async def test_content_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are no content."""
    artefact = await ArtefactStore(str(tmp_path)).keep(b"\xff\xfe\x00")
    with pytest.raises(PublishError) as caught:
        await load(tmp_path, content=None, artefact=artefact)

    assert caught.value.code is FailureCode.PUBLISH_REFUSED


async def test_texts_are_checked_against_the_whole_content(tmp_path: Path) -> None:
    """Findings come by channel, duplicates across channels included, and only quotes that stand there are kept."""
    content = CONTENT + "Filler. " * 20_000 + "The last line has 99 cranes."
    artefact = await ArtefactStore(str(tmp_path)).keep(content.encode())
    platforms = (await load(tmp_path)).platforms
    texts = {"x": "There are 99 cranes and 7 ships.", "blog": "There are 40 gates."}
    checked = await ActivityEnvironment().run(
        room(tmp_path).check_texts,
        CheckTexts(
            metadata=Metadata(campaign="spring", title="Busan", channels=BOTH),
            content=None,
            artefact=artefact,
            platforms=platforms,
            quotes=("We start on Monday", "We start on Sunday"),
            adaptations=tuple(
                Adaptation(channel=name, posts=(Post(text=text, title=name),), platform_version="2026-11")
                for name, text in texts.items()
            ),
        ),
    )
    numbers = {each.channel: [one.text for one in each.findings if one.rule == "number"] for each in checked.channels}

    assert checked.quotes == ("We start on Monday",)
    assert numbers == {"x": ["'7' does not stand in the source"], "blog": []}


async def test_times_are_chosen_in_the_order_of_the_wishes(tmp_path: Path) -> None:
    """A wish for a time is kept, and none is chosen after `not_after`."""
    monday = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    platforms = (await load(tmp_path)).platforms
    wishes = (ChannelWish(channel="blog"), ChannelWish(channel="x", at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC)))
    request = ChooseTimes(wishes=wishes, platforms=platforms, zones=("Asia/Seoul",), earliest=monday)
    late = request.model_copy(update={"not_after": datetime(2026, 11, 22, tzinfo=UTC)})
    chosen = await ActivityEnvironment().run(room(tmp_path).choose_times, request)
    dropped = await ActivityEnvironment().run(room(tmp_path).choose_times, late)

    assert chosen.times[1] is not None
    assert chosen.times[1].at == wishes[1].at
    assert chosen.times[0] is not None
    assert "Asia/Seoul" in chosen.times[0].reason
    assert dropped.times == (None, None)


async def test_an_attempt_ends_before_temporal_gives_it_up() -> None:
    """Nothing is sent any more when the workflow begins to look for the post: the outcome is unknown by then."""

    class Slow:
        accounts = frozenset({"main"})

        async def publish(self, request: PublishPost) -> PublishedPost:
            await asyncio.Event().wait()
            raise AssertionError(request)

    slow = Publishers({"x": cast("Adapter", Slow())})
    activities = PublishingActivities(cast("CampaignSources", None), slow, NoSlots())
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, start_to_close_timeout=timedelta(milliseconds=40))
    request = PublishPost(
        adapter="x",
        account="main",
        post=Post(text="t"),
        fingerprint="f",
        since=datetime(2026, 11, 25, tzinfo=UTC),
        key=EffectKey("k"),
    )
    with pytest.raises(PublishError) as caught:
        await environment.run(activities.publish_post, request)

    assert caught.value.code is FailureCode.PUBLISH_UNKNOWN


def test_every_adapter_that_a_platform_may_name_is_there() -> None:
    """The worker has a client for each of them, with the accounts that its settings name."""
    posting = publishers(settings(**ACCOUNTS), httpx.AsyncClient())

    assert posting.names == frozenset(ADAPTERS)
    assert posting.adapter("wordpress", "main").accounts == {"main"}
    with pytest.raises(PublishError) as caught:
        posting.adapter("mastodon", "main")
    assert caught.value.code is FailureCode.PUBLISH_REFUSED


def test_a_token_that_is_not_there_is_named() -> None:
    """The worker does not start with an account that it could not use; spaces around a token do not count."""
    without = ACCOUNTS | {"publishing_tokens": {"X": SecretStr("tok-1")}}
    with pytest.raises(SettingsError) as caught:
        settings(**without).check_accounts()

    assert "TOWPATH_PUBLISHING_TOKENS: has no 'BLOG'" in str(caught.value)
    assert "tok-1" not in f"{caught.value}{settings(**ACCOUNTS)!r}"
    assert settings(**ACCOUNTS).publishing_token("BLOG") == "a b c"
