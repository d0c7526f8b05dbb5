"""What of a content is for readers: its text, without front matter and comments; and what its front matter says.

The same for people and for programs that start a campaign: the worker reads it whatever was checked before.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from towpath.contracts.core.failure import FailureCode, PublishError
from towpath.policy.publishing.timing import latest_instant

MAX_FRONT_MATTER = 16 * 1024
READ = ("title", "author", "draft", "published", "embargo", "not_before")
_FENCED = re.compile(
    r"\A\ufeff?(?:[ \t]*\r?\n)*---[ \t]*\r?\n(?P<front>.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
_TOML = re.compile(r"\A\ufeff?(?:[ \t]*\r?\n)*\+\+\+[ \t]*\r?\n", re.MULTILINE)
_CODE_OR_COMMENT = re.compile(
    r"(?P<code>^[ \t]*(?P<fence>```|~~~).*?^[ \t]*(?P=fence)|`[^`\n]+`)|<!--.*?(?:-->|\Z)", re.DOTALL | re.MULTILINE
)
_YES, _NO = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0", "none", ""})


@dataclass(frozen=True, slots=True)
class ContentSource:
    """A content apart from what is about it. `unread` are keys of the front matter that nothing is done with."""

    body: str
    title: str = ""
    author: str = ""
    is_draft: bool = False
    embargo: date | datetime | None = None
    unread: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the front matter."""
        return (f"front matter: nothing is done with {', '.join(self.unread)}",) if self.unread else ()

    def not_before(self, zones: tuple[str, ...]) -> datetime | None:
        """When the embargo ends. A time without an offset must have come in each zone of the audience."""
        if self.embargo is None:
            return None
        moment = self.embargo if isinstance(self.embargo, datetime) else datetime.combine(self.embargo, time())
        return moment if moment.tzinfo is not None else latest_instant(moment, zones)


def source_of(content: str) -> ContentSource:
    """Raises PublishError for front matter that cannot be read: what it forbids is not known then."""
    fenced = _FENCED.match(content)
    if fenced is None:
        if _TOML.match(content):
            raise _unreadable("it is TOML; write it as YAML between lines of ---")
        return ContentSource(body=_without_comments(content))
    front = _mapping(fenced["front"])
    if front is None:
        return ContentSource(body=_without_comments(content))
    embargoes = [_moment(name, front[name]) for name in ("embargo", "not_before") if front.get(name) is not None]
    published = front.get("published")
    return ContentSource(
        body=_without_comments(content[fenced.end() :]),
        title=_line(front.get("title")),
        author=_line(front.get("author")),
        is_draft=_flag("draft", front.get("draft")) or (published is not None and not _flag("published", published)),
        embargo=embargoes[0] if embargoes else None,
        unread=tuple(name for name in front if name not in READ),
    )


def body_of(content: str) -> str:
    """What readers may see of a content."""
    return source_of(content).body


def _mapping(text: str) -> dict[str, Any] | None:
    """None for a text between two rules that is no front matter."""
    if len(text) > MAX_FRONT_MATTER:
        raise _unreadable(f"it is longer than {MAX_FRONT_MATTER} characters")
    try:
        loaded: object = cast("Any", YAML(typ="safe", pure=True)).load(text)
    except (YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 2})"
        raise _unreadable(f"it is no YAML{where}") from None
    if loaded is None:
        return {}
    return (
        {str(name): value for name, value in cast("dict[object, Any]", loaded).items()}
        if isinstance(loaded, dict)
        else None
    )


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = "" if value is None else str(value).strip().lower()
    if word not in _YES | _NO:
        raise _unreadable(f"{name} is neither true nor false")
    return word in _YES


def _moment(name: str, value: object) -> date | datetime:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise _unreadable(f"{name} is no date or time, as in 2027-01-15 or 2027-01-15T09:00+09:00") from None


def _line(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _without_comments(text: str) -> str:
    return _CODE_OR_COMMENT.sub(lambda match: match["code"] or "", text.removeprefix("\ufeff"))


def _unreadable(why: str) -> PublishError:
    return PublishError(FailureCode.PUBLISH_REFUSED, f"content: the front matter cannot be read: {why}")
