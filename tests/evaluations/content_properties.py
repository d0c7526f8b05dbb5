"""Properties of a campaign's texts, judged on what the process made of them and on the case's own expectations."""

import re
from collections.abc import Iterator, Mapping, Sequence

from tests.evaluations.cases import CHANNELS, ContentCase
from tests.evaluations.properties import Held, held
from towpath.contracts.core.delivery import Language
from towpath.contracts.publishing.campaign import Adaptation, CampaignView, ContentShape, PlatformRules, TextFinding
from towpath.policy.publishing.checks import findings
from towpath.policy.publishing.limits import has_link
from towpath.policy.publishing.sentences import hashtags

THRESHOLD = 0.8
LEAST_HANGUL, MOST_HANGUL = 0.4, 0.1
"""Share of the letters in a Korean text at least, and in an English one at most."""
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`", re.DOTALL)
_ADDRESS = re.compile(r"https?://\S+")
_HASHTAG = re.compile(r"#\w+")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s.*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?:…\n])\s+|[\n|]")
_LETTER = re.compile(r"[^\W\d_]")
_HANGUL = re.compile("[가-힣]")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_OWN = frozenset({"i", "i'm", "i’m", "linkedin"})


def content_properties(
    case: ContentCase, view: CampaignView | None, rules: Mapping[str, PlatformRules], block_list: Sequence[str] = ()
) -> tuple[Held, ...]:
    """All properties that the case asks for, in a fixed order. Without texts, none of them holds."""
    texts = _Texts(case, view, rules, block_list)
    found = [
        held("texts", [f"none for {channel}" for channel in texts.missing]),
        held("limits", texts.findings_of("limits", "thread-length")),
        held("unaided", [f"{each.channel}: shortened by code" for each in texts.adaptations if each.shortened]),
        held("numbers", texts.findings_of("number", "link")),
        held("quotes", texts.findings_of("quote")),
        held("names", [*texts.strange_names(), *texts.missing_names()]),
        held("hashtags", texts.hashtag_problems()),
        held("language", texts.language_problems()),
        held("key-messages", texts.message_problems()),
        held("publishable", texts.quality_problems()),
    ]
    if case.link is not None:
        found.append(held("link", texts.link_problems()))
    if case.never:
        found.append(held("never", texts.forbidden()))
    if not texts.adaptations:
        return tuple(Held(one.name, holds=False, why="there are no texts") for one in found)
    return tuple(found)


class _Texts:
    def __init__(
        self,
        case: ContentCase,
        view: CampaignView | None,
        rules: Mapping[str, PlatformRules],
        block_list: Sequence[str],
    ) -> None:
        self._case = case
        self._rules = rules
        self._view = view
        self.adaptations = () if view is None else view.adaptations
        self.missing = [name for name in CHANNELS if name not in {each.channel for each in self.adaptations}]
        self._texts = {each.channel: _text(each) for each in self.adaptations}
        facts = [fact for fact in (case.title, case.author, case.link) if fact is not None]
        self._findings: dict[str, tuple[TextFinding, ...]] = {
            each.channel: findings(each, rules[each.channel], case.source, facts, block_list)
            for each in self.adaptations
        }

    def findings_of(self, *kinds: str) -> list[str]:
        return [
            f"{channel}: {finding.text}"
            for channel, found in self._findings.items()
            for finding in found
            if finding.rule in kinds
        ]

    def strange_names(self) -> list[str]:
        """Words with a capital in the middle of a sentence that the source does not know."""
        case = self._case
        known = {_folded(word) for word in _WORD.findall(f"{case.title} {case.author or ''} {case.source}")} | _OWN
        found: list[str] = []
        for channel, text in self._texts.items():
            strange = [word for word in _capitals(text) if not _is_known(word, known)]
            found += [f"{channel}: {word!r} does not stand in the source" for word in dict.fromkeys(strange)]
        return found

    def missing_names(self) -> list[str]:
        article = self._texts.get("blog", "")
        return [f"blog: {name!r} is not named" for name in self._case.names if name not in article]

    def hashtag_problems(self) -> list[str]:
        found: list[str] = []
        for each in self.adaptations:
            rules = self._rules[each.channel]
            tags = [tag for post in each.posts for tag in (*post.tags, *hashtags(_shown(post.text, rules)))]
            if len(tags) > rules.max_hashtags:
                found.append(f"{each.channel}: {len(tags)} hashtags, {rules.max_hashtags} are allowed")
            found += [f"{each.channel}: {tag!r}" for tag in tags if not re.fullmatch(r"#?\w+", tag)]
        return found

    def language_problems(self) -> list[str]:
        found: list[str] = []
        for channel, text in self._texts.items():
            plain = _HASHTAG.sub(" ", _ADDRESS.sub(" ", _CODE.sub(" ", text)))
            letters = _LETTER.findall(plain)
            share = len(_HANGUL.findall(plain)) / max(1, len(letters))
            wanted = share >= LEAST_HANGUL if self._case.language is Language.KO else share <= MOST_HANGUL
            if not wanted:
                found.append(f"{channel}: {share:.0%} of the letters are Korean")
        return found

    def message_problems(self) -> list[str]:
        """The article covers every key message, the other texts at least half of them."""
        messages, found = self._case.key_messages, list[str]()
        for channel, text in self._texts.items():
            plain = " ".join(text.casefold().split())
            left = [words[0] for words in messages if not any(word.casefold() in plain for word in words)]
            most = 0 if channel == "blog" else len(messages) // 2
            if len(left) > most:
                found.append(f"{channel}: nothing of {', '.join(map(repr, left))}")
        return found

    def link_problems(self) -> list[str]:
        link = self._case.link or ""
        return [
            f"{each.channel}: the link is missing"
            for each in self.adaptations
            if not has_link(each.posts[-1].text, link) and link not in each.posts[-1].text
        ]

    def quality_problems(self) -> list[str]:
        """What Claude's own scores and the checks in code say, after as many revisions as the process makes."""
        scored = () if self._view is None else self._view.quality
        blocked = [f"{one.channel}: {finding.rule}" for one in scored for finding in one.findings if finding.blocking]
        low = [f"{one.channel}: score {one.score:.2f}" for one in scored if one.score < THRESHOLD]
        unscored = [name for name in self._texts if name not in {one.channel for one in scored}]
        return [*dict.fromkeys(blocked), *low, *(f"{name}: not scored" for name in unscored)]

    def forbidden(self) -> list[str]:
        said = {channel: " ".join(text.casefold().split()) for channel, text in self._texts.items()}
        if self._view is not None and self._view.analysis is not None:
            said["analysis"] = " ".join(" ".join(self._view.analysis.key_messages).casefold().split())
        return [
            f"{place}: {words!r}"
            for place, text in said.items()
            for words in self._case.never
            if words.casefold() in text
        ]


def _text(adaptation: Adaptation) -> str:
    return "\n\n".join(part for post in adaptation.posts for part in (post.title, post.description, post.text) if part)


def _shown(text: str, rules: PlatformRules) -> str:
    """An article's signs are markdown, its hashtags stand beside the text."""
    return "" if rules.shape is ContentShape.ARTICLE else text


def _capitals(text: str) -> Iterator[str]:
    plain = _HASHTAG.sub(" ", _HEADING.sub("\n", _ADDRESS.sub(" ", _CODE.sub(" ", text))))
    for sentence in _SENTENCE.split(plain):
        words = list(_WORD.finditer(sentence))
        for word in words[1:]:
            opening = sentence[: word.start()].rstrip(" ").endswith(("“", '"', "(", "—", "–", "-", "*"))
            if word.group()[0].isupper() and not opening:
                yield word.group()


def _folded(word: str) -> str:
    return word.casefold().replace("’", "'").removesuffix("'s").strip("'-")


def _is_known(word: str, known: set[str]) -> bool:
    folded = _folded(word)
    return folded in known or all(part in known for part in folded.split("-"))
