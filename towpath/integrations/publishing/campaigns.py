"""What a campaign is made of: its content, read from where it is kept, and the rules of the platforms it names."""

from collections.abc import Sequence

from towpath.config.platforms import Platforms
from towpath.contracts.core.artefact import Artefact
from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.contracts.publishing.campaign import CONTENT_BYTES, ChannelWish, PlatformRules
from towpath.integrations.publishing.adapter import Publishers
from towpath.integrations.storage.artefacts import ArtefactStore, ArtefactStoreError


class CampaignSources:
    def __init__(self, platforms: Platforms, publishers: Publishers, store: ArtefactStore) -> None:
        self._platforms = platforms
        self._publishers = publishers
        self._store = store

    @property
    def block_list(self) -> tuple[str, ...]:
        return self._platforms.block_list

    def rules(self, wishes: Sequence[ChannelWish]) -> tuple[PlatformRules, ...]:
        """The platforms of the wishes, each once, in the order they are named. Raises HouseError for one that this
        worker does not know, or has no such account on.
        """
        rules = self._platforms.named(wish.channel for wish in wishes)
        adapters = {each.platform: each.adapter for each in rules}
        for wish in wishes:
            self._publishers.adapter(adapters[wish.channel], wish.account)
        return rules

    async def content(self, text: str | None, artefact: Artefact | None) -> str:
        """The whole content. Raises PublishError."""
        if artefact is None:
            return text or ""
        if artefact.size_bytes > CONTENT_BYTES:
            raise PublishError(FailureCode.PUBLISH_REFUSED, "content above 1 MB is refused: publish it in parts")
        try:
            return (await self._store.read(artefact)).decode()
        except ArtefactStoreError:
            message = "the content is not in this worker's artefact store: is TOWPATH_ARTEFACT_STORE shared with it?"
            raise PublishError(FailureCode.PUBLISH_UNAVAILABLE, message) from None
        except UnicodeDecodeError:
            raise PublishError(FailureCode.PUBLISH_REFUSED, "the content is no text in UTF-8") from None
