"""How texts are cut that stayed too long, in runs that began before X's own grammar was used."""

import re
from collections.abc import Callable, Sequence

from towpath.contracts.publishing.campaign import ContentShape, PlatformRules
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.first.limits import ABSURD, as_line, as_shown, has_link, text_problems, with_tail
from towpath.policy.publishing.first.markup import cleaned, without_markdown
from towpath.policy.publishing.first.sentences import HASHTAG, sentence_ends
from towpath.policy.publishing.first.weights import composed, fitting, links, relinked, weighted_length

_ENOUGH = 0.6
"""A cut at the end of a sentence is taken when so much of the room is used; else the cut is at a word, with a mark."""
_MARK = "…"
_SPACE = re.compile(r"\s+")
_SIGNS = re.compile(r"[.#＃*_`\[\]()<>@/\\:]+")
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_CLOSED = "\n```"


def shortened(posts: Sequence[Post], rules: PlatformRules, link: str | None) -> tuple[Post, ...]:
    """The posts within the rules: `limits.post_problems` finds nothing in what this returns.

    Too many posts of a thread lose follow-ups from the end, the call to action stays. Each text is cut at the end of a
    sentence, or of a word, and the link and the hashtags at its end are kept as far as they fit. An article without a
    title gets its first line as one. Nothing is returned where there is no text and no link that could stand alone.
    The link must be one that `limits.link_problems` has nothing against. Of a text that is 40 times too long only the
    beginning is read.
    """
    needed = link if rules.needs_link else None
    most_read = ABSURD * rules.max_length
    texts = [text for text in (as_shown(post.text[:most_read], rules) for post in posts) if text]
    if rules.shape is ContentShape.ARTICLE:
        return _article(posts, texts, rules, needed)
    most = rules.max_follow_ups + 2 if rules.shape is ContentShape.THREAD else 1
    if len(texts) > most:
        texts = [*texts[: most - 1], texts[-1]] if most > 1 else texts[:1]
    texts = _with_fewer_tags([_with_fewer_links(text, rules, link) for text in texts], rules.max_hashtags)
    cut = [_cut(text, rules, None) for text in texts[:-1]]
    last = _cut(texts[-1] if texts else "", rules, needed)
    return tuple(Post(text=text) for text in (*cut, last) if text)


def _article(posts: Sequence[Post], texts: Sequence[str], rules: PlatformRules, needed: str | None) -> tuple[Post, ...]:
    post = posts[0] if posts else Post(text="")
    description, title = as_line(post.description), as_line(post.title)
    body = _cut(texts[0] if texts else description or title, rules, needed)
    if not body:
        return ()
    first = body.splitlines()[0]
    title = title or as_line(without_markdown(first)) or as_line(first)
    return (
        Post(
            text=body,
            title=_cut_line(title, rules.max_title_length),
            description=_cut_line(description, rules.max_description_length),
            tags=post.tags[: rules.max_hashtags],
        ),
    )


def _cut(text: str, rules: PlatformRules, needed: str | None) -> str:
    """One text within the rules, with the needed link in it."""
    whole = composed(text)
    if whole and not text_problems("", whole, rules) and (needed is None or has_link(whole, needed)):
        return whole
    body, tail = _split_tail(whole, needed)
    if needed is not None:
        body = _spaced(relinked(body, lambda each: " " if each == needed else each))
    tags = [part for part in tail if part != needed]
    linked = [needed] if needed is not None else []
    while tags and weighted_length(" ".join([*linked, *tags]), rules) > rules.max_length / 2:
        tags.pop()
    for words in (body, cleaned(_SIGNS.sub(" ", body))):
        shorter = _body(words, rules, [*linked, *tags])
        made = cleaned(with_tail(shorter, [*linked, *tags]))
        if made and not text_problems("", made, rules):
            return made
    return with_tail("", linked)


def _body(text: str, rules: PlatformRules, tail: Sequence[str]) -> str:
    room = rules.max_length - (weighted_length(" ".join(tail), rules) + 2 if tail else 0)
    if rules.markup == "none" or not _FENCE.search(text):
        return _shorter(text, rules, room)
    cut = _shorter(text, rules, room - len(_CLOSED))
    return cut + _CLOSED if len(_FENCE.findall(cut)) % 2 else cut


def _shorter(text: str, rules: PlatformRules, limit: int) -> str:
    """Whole sentences where they use enough of the limit, else whole words and a mark.

    A cut can make a domain of a longer word, and so a link that counts more: then it is made again, shorter.
    """
    if weighted_length(text, rules) <= limit:
        return text
    room = limit
    while room > 0:
        made = _cut_once(text, rules, room)
        over = weighted_length(made, rules) - limit
        if over <= 0:
            return made
        room -= over
    return ""


def _cut_once(text: str, rules: PlatformRules, limit: int) -> str:
    room = fitting(text, rules, limit)
    ends = [end for end in sentence_ends(text[: room + 8]) if end <= room]
    if ends and ends[-1] >= room * _ENOUGH:
        return text[: ends[-1]].rstrip()
    room = fitting(text, rules, limit - weighted_length(_MARK, rules))
    space = max((match.start() for match in _SPACE.finditer(text, room // 2, room + 1)), default=0)
    kept = text[: space or room].rstrip().rstrip(",;:-–—(").rstrip()
    return kept + _MARK if kept else ""


def _cut_line(text: str, most: int | None) -> str:
    """One line within so many characters, cut at a word where one ends in its second half."""
    if most is None or len(text) <= most:
        return text
    kept = text[: most - 1]
    space = kept.rfind(" ") if text[most - 1] != " " else len(kept)
    return (kept[:space] if space >= most // 2 else kept).rstrip(" ,;:-–—") + _MARK


def _split_tail(text: str, needed: str | None) -> tuple[str, list[str]]:
    """The text, and the run of hashtags and of the needed link that it ends with."""
    words = list(re.finditer(r"\S+", text))
    start = len(words)
    while start and (words[start - 1].group() == needed or HASHTAG.fullmatch(words[start - 1].group())):
        start -= 1
    if start == len(words):
        return text, []
    return text[: words[start].start()].rstrip(), [match.group() for match in words[start:]]


def _with_fewer_tags(texts: Sequence[str], most: int) -> list[str]:
    """The first hashtags stay; those beyond are left out at the end of a text, and lose their sign within it."""
    left = most
    made: list[str] = []
    for text in texts:
        body, tail = _split_tail(text, None)
        spent = len(HASHTAG.findall(body))
        words = HASHTAG.sub(_unsigned(left), body) if spent > left else body
        left = max(0, left - spent)
        kept = tail[:left]
        left -= len(kept)
        made.append(text if words == body and kept == tail else with_tail(words, kept))
    return made


def _unsigned(most: int) -> Callable[[re.Match[str]], str]:
    seen = iter(range(1 << 60))
    return lambda match: match.group() if next(seen) < most else match.group()[1:]


def _with_fewer_links(text: str, rules: PlatformRules, link: str | None) -> str:
    """Links beyond those allowed are left out, the campaign's own last."""
    most = rules.max_links
    found = links(text)
    if most is None or len(found) <= most:
        return text
    own = min(most, found.count(link or ""))
    left = {True: own, False: most - own}

    def kept(each: str) -> str:
        left[each == link] -= 1
        return each if left[each == link] >= 0 else " "

    return _spaced(relinked(text, kept))


def _spaced(text: str) -> str:
    return cleaned(re.sub(r"[ \t]{2,}", " ", text))
