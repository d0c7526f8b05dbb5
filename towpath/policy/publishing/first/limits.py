"""What a platform allows, as runs check it that began before texts were read by X's own grammar.

It stays as it is until none of them is open: they replay their histories on it.
"""

from collections.abc import Sequence

from towpath.contracts.publishing.campaign import (
    ArticleDraft,
    ContentShape,
    Draft,
    PlatformRules,
    PostDraft,
    ThreadDraft,
)
from towpath.contracts.publishing.posting import Post
from towpath.policy.publishing.first.markup import cleaned, markdown_in, without_markdown
from towpath.policy.publishing.first.sentences import hashtag, hashtags
from towpath.policy.publishing.first.weights import links, weighted_length

_DRAFTS: dict[ContentShape, type[ThreadDraft | PostDraft | ArticleDraft]] = {
    ContentShape.THREAD: ThreadDraft,
    ContentShape.POST: PostDraft,
    ContentShape.ARTICLE: ArticleDraft,
}


ABSURD = 40
"""How many times too long a text is when only its beginning is looked at, for checks run within a workflow's turn."""


def draft_type(rules: PlatformRules) -> type[ThreadDraft | PostDraft | ArticleDraft]:
    """What Claude is asked for."""
    return _DRAFTS[rules.shape]


def posts_of(draft: Draft, rules: PlatformRules, link: str | None) -> tuple[Post, ...]:
    """A draft as the posts that would go out, cleaned, without its empty parts.

    Where markdown is not rendered, its signs are taken out. A link that the platform needs and the draft left out is
    put at the end of the last post, and the hashtags behind it, as many as are allowed.
    """
    if isinstance(draft, ArticleDraft):
        tags = tuple(dict.fromkeys(tag for tag in map(_tag, draft.tags) if tag))[: rules.max_hashtags]
        return (
            Post(
                text=cleaned(draft.body), title=as_line(draft.title), description=as_line(draft.description), tags=tags
            ),
        )
    parts = [draft.hook, *draft.follow_ups, draft.call_to_action] if isinstance(draft, ThreadDraft) else [draft.text]
    texts = [text for text in (as_shown(part, rules) for part in parts) if text]
    if texts:
        texts[-1] = with_tail(texts[-1], _tail(texts, draft.hashtags, rules, link))
    return tuple(Post(text=text) for text in texts)


def with_tail(text: str, tail: Sequence[str]) -> str:
    """The text, and below it the link and the hashtags in a line."""
    return "\n\n".join(part for part in (text, " ".join(tail)) if part)


def draft_problems(draft: Draft, rules: PlatformRules, link: str | None) -> tuple[str, ...]:
    """What must be mended in a draft before its posts may go out, in sentences for its writer. Empty: nothing."""
    if not isinstance(draft, draft_type(rules)):
        return (f"{rules.platform} takes a {rules.shape}, and this is a {type(draft).__name__}",)
    problems = [f"{name} is empty" for name, text in _parts(draft) if not as_shown(text, rules)]
    if isinstance(draft, ThreadDraft):
        problems += _follow_up_problems(len(draft.follow_ups), rules)
    posts = posts_of(draft, rules, link)
    filled = [name for name, text in _parts(draft) if as_shown(text, rules)]
    names = ["the article"] if isinstance(draft, ArticleDraft) else filled
    return tuple(dict.fromkeys((*problems, *_problems(posts, names, rules, link))))


def post_problems(posts: Sequence[Post], rules: PlatformRules, link: str | None) -> tuple[str, ...]:
    """What the platform, or the rules for it, would refuse in posts that are ready to go out.

    The least number of follow-ups is asked of drafts only: a person may publish a shorter thread.
    """
    most = rules.max_follow_ups + 2 if rules.shape is ContentShape.THREAD else 1
    problems: list[str] = []
    if not posts:
        problems.append("there is no text to publish")
    if len(posts) > most:
        problems.append(f"{rules.title} takes at most {most} posts here, there are {len(posts)}")
    names = ["the text"] if len(posts) == 1 else [f"post {number}" for number in range(1, len(posts) + 1)]
    return (*problems, *_problems(posts, names, rules, link))


def has_link(text: str, link: str) -> bool:
    """Whether the text holds exactly that link, alone or before a particle or a punctuation mark."""
    return link in links(text) or link in text.split()


def _problems(posts: Sequence[Post], names: Sequence[str], rules: PlatformRules, link: str | None) -> list[str]:
    problems = [
        problem
        for name, post in zip(names, posts, strict=True)
        for problem in (*text_problems(name, post.text, rules), *_field_problems(name, post, rules))
    ]
    tags = sum(len(post.tags) if rules.shape is ContentShape.ARTICLE else len(hashtags(post.text)) for post in posts)
    if tags > rules.max_hashtags:
        problems.append(f"at most {rules.max_hashtags} hashtags are allowed, there are {tags}")
    if rules.needs_link and link is not None and posts and not has_link(posts[-1].text, link):
        problems.append(f"the last post must hold the link {link}")
    return problems


def link_problems(link: str, rules: PlatformRules) -> tuple[str, ...]:
    """What keeps a campaign's link from standing in a post of the platform; asked before anything is written."""
    if not rules.needs_link:
        return ()
    length = weighted_length(link, rules)
    if length * 2 > rules.max_length:
        return (
            f"the link takes {length} of {rules.max_length} characters on {rules.title}: percent-encode or shorten it",
        )
    most = rules.max_links
    return () if most is None or len(links(link)) <= most else (f"the link reads as several: {', '.join(links(link))}",)


def text_problems(name: str, text: str, rules: PlatformRules) -> list[str]:
    """What is wrong with one text by itself."""
    problems: list[str] = []
    if not text.strip():
        problems.append(f"{name} is empty")
    if len(text) > ABSURD * rules.max_length:
        return [f"{name} has {len(text)} characters, {rules.max_length} are allowed"]
    length = weighted_length(text, rules)
    if length > rules.max_length:
        over = length - rules.max_length
        problems.append(f"{name} has {length} characters, {rules.max_length} are allowed: shorten it by {over}")
    if rules.max_links is not None and len(links(text)) > rules.max_links:
        problems.append(f"{name} has {len(links(text))} links, {rules.max_links} are allowed")
    found = markdown_in(text) if rules.markup == "none" else None
    if found is not None:
        problems.append(f"{name} has markdown, which {rules.title} shows as signs: {found[:60]!r}")
    if cleaned(text) != text and cleaned(text):
        problems.append(f"{name} has control characters, or space at its edges")
    return problems


def _field_problems(name: str, post: Post, rules: PlatformRules) -> list[str]:
    if rules.shape is not ContentShape.ARTICLE:
        extra = [field for field in ("title", "description", "tags") if getattr(post, field)]
        return [f"{name} has a {field}, which {rules.title} does not take" for field in extra]
    problems: list[str] = []
    if not post.title.strip():
        problems.append("the title is empty")
    for field, value, most in (
        ("title", post.title, rules.max_title_length),
        ("description", post.description, rules.max_description_length),
    ):
        if most is not None and len(value) > most:
            problems.append(f"the {field} has {len(value)} characters, {most} are allowed")
        if value != as_line(value):
            problems.append(f"the {field} must be one line without control characters")
    return problems


def _follow_up_problems(count: int, rules: PlatformRules) -> list[str]:
    least, most = rules.min_follow_ups, rules.max_follow_ups
    return [] if least <= count <= most else [f"follow_ups must have {least} to {most} posts, it has {count}"]


def _parts(draft: Draft) -> list[tuple[str, str]]:
    if isinstance(draft, ThreadDraft):
        follow_ups = [(f"follow_ups[{number}]", text) for number, text in enumerate(draft.follow_ups)]
        return [("hook", draft.hook), *follow_ups, ("call_to_action", draft.call_to_action)]
    if isinstance(draft, PostDraft):
        return [("text", draft.text)]
    return [("title", draft.title), ("body", draft.body)]


def as_shown(text: str, rules: PlatformRules) -> str:
    """The text cleaned, and without markdown where that is not rendered."""
    return cleaned(without_markdown(text) if rules.markup == "none" else text)


def as_line(text: str) -> str:
    """The text cleaned, in one line."""
    return " ".join(cleaned(text).split())


def _tag(tag: str) -> str:
    return as_line(tag).lstrip("#＃").strip()


def _tail(texts: Sequence[str], tags: Sequence[str], rules: PlatformRules, link: str | None) -> list[str]:
    there = [tag.casefold().lstrip("#＃") for text in texts for tag in hashtags(text)]
    wanted = {tag.casefold(): tag for tag in map(hashtag, reversed(tags)) if tag}
    new = [tag for key, tag in reversed(wanted.items()) if key.lstrip("#") not in there]
    tail = [link] if rules.needs_link and link is not None and not has_link(texts[-1], link) else []
    return tail + new[: max(0, rules.max_hashtags - len(there))]
