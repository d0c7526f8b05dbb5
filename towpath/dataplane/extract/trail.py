"""The way from page to page of an API that names its next one: it must never lead back."""

from towpath.contracts.core.wire import clip
from towpath.contracts.pipeline.stages import Pages
from towpath.dataplane.core.errors import SourceFormatError

_SHOWN = 40


class Trail:
    """One for a partition, which knows all of its pages. Of those before it one place is known, chosen so that every
    circle is found (R. P. Brent, 1980): whatever its length, no more than a few rounds of it are read.
    """

    def __init__(self, source: str, share: Pages) -> None:
        self._source = source
        self._mark, self._steps, self._reach = share.mark, share.steps, share.reach
        self._seen = {_place(share)}

    def follow(self, following: Pages) -> Pages:
        """The next page, with what is known of the way. Raises SourceFormatError for one that was there before."""
        place = _place(following)
        if place is None:
            return following
        if place in self._seen or place == self._mark:
            named = "link" if following.cursor is None else f"cursor {clip(place, _SHOWN)!r}"
            message = f"{self._source}: its next {named} was there before, so its pages would never end"
            raise SourceFormatError(message)
        self._seen.add(place)
        self._steps += 1
        if self._steps == self._reach:
            self._mark, self._steps, self._reach = place, 0, self._reach * 2
        return following.model_copy(update={"mark": self._mark, "steps": self._steps, "reach": self._reach})


def _place(share: Pages) -> str | None:
    return share.link if share.cursor is None else share.cursor
