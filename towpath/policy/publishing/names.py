"""Names in texts that the source does not know: of people and companies above all, for an invented one is a lie."""

import re
from collections.abc import Iterable, Iterator, Sequence

from towpath.contracts.publishing.campaign import TextFinding
from towpath.policy.core.reading import skeleton
from towpath.policy.core.signs import find_mentions, rehashed
from towpath.policy.publishing.korean_names import untitled_names
from towpath.policy.publishing.ordinary_words import ENGLISH
from towpath.policy.publishing.sentences import sentences
from towpath.policy.publishing.weights import relinked

_CAPITAL = "[A-ZÀ-ÖØ-Þ]"
_LETTER = "[A-Za-zÀ-ÖØ-öø-ɏ]"
_WORD = re.compile(rf"{_LETTER}{{1,60}}")
_NAME = rf"(?<![\w@]){_CAPITAL}{_LETTER}{{0,40}}(?:[-'’]{_LETTER}{{2,40}})?"
_TWO = rf"{_NAME}(?: (?:de|del|van|von|der|la|al|bin) | ){_NAME}(?: {_NAME})?"
_ROLE = (
    r"(?:CEO|CTO|CFO|COO|CMO|[Cc]o-?founder|[Ff]ounder|[Pp]resident|[Dd]irector|[Cc]hief|[Pp]rofessor|[Vv]ice|[Hh]ead)"
)
_SAYS = "(?:says|said|explains|explained|told|wrote|writes|argues|argued|adds|added|notes|noted|warns|warned)"
_FORM = r"(?:Inc|Corp|Corporation|Ltd|LLC|LLP|GmbH|AG|PLC|plc|Pty|B\.V|S\.A|K\.K|Co\., Ltd)(?![\w])"
_PEOPLE_AND_COMPANIES = (
    re.compile(rf"(?<![\w])(?:Mr|Mrs|Ms|Dr|Prof|Professor)\.? (?P<name>{_NAME}(?: {_NAME})?)"),
    re.compile(rf"(?<![\w])(?:CEO|CTO|CFO|COO|CMO) (?P<name>{_TWO})"),
    re.compile(rf"(?P<name>{_TWO}),? (?:the |our |its |a )?{_ROLE}(?![\w])"),
    re.compile(rf"(?P<name>{_TWO}) {_SAYS}(?![\w])"),
    re.compile(rf"(?<![\w])(?:[Aa]ccording to|{_SAYS}) (?P<name>{_TWO})"),
    re.compile(rf"(?P<name>(?:{_NAME} ){{0,3}}{_NAME}),? {_FORM}"),
)

_SURNAMES = "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지엄채원"
_TITLES = (
    "대표이사|대표|이사장|이사|회장|부회장|사장|부사장|전무|상무|본부장|실장|부장|차장|과장|팀장|교수|박사|연구원|기자|"
    "장관|차관|의원|원장|센터장|최고경영자|최고기술책임자|창업자|선수|감독|작가|변호사|씨"
)
_PARTICLES = "은|는|이|가|을|를|의|와|과|도|에게|께서|께|님|로|으로|에|만|라|입|및"
_KOREAN_PERSON = re.compile(
    rf"(?<![가-힣])(?P<name>[{_SURNAMES}][가-힣]{{2}}) (?:{_TITLES})(?=(?:{_PARTICLES})|[^가-힣]|$)"
)
_KOREAN_COMPANY = re.compile(
    r"(?:주식회사 ?|㈜ ?|\(주\) ?)(?P<before>[가-힣A-Za-z0-9]{2,20})|(?P<after>[가-힣]{2,20})(?:㈜|\(주\))"
)
_NO_NAME_ENDS = frozenset("팀사부과의적급별")
_NO_NAMES = frozenset({"유명한", "한국어", "전문가", "신사업", "우리집", "이번주", "주요한", "전직원", "오늘날"})
_HANGUL = re.compile(r"[가-힣]{2,}")
_COMPANY_PARTICLES = re.compile(r"(?:은|는|이|가|을|를|의|와|과|도|에서|에게|에|로|으로|만)$")

_COMMON = frozenset(
    {
        *("i", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february"),
        *("march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
        *("english", "korean", "korea", "european", "american", "asian", "internet", "web", "twitter", "linkedin"),
        *(
            "then",
            "but",
            "and",
            "so",
            "yet",
            "also",
            "when",
            "while",
            "as",
            "after",
            "before",
            "because",
            "since",
            "if",
        ),
        *("yesterday", "today", "now", "later", "even", "once", "here", "there", "why", "how", "what", "who", "our"),
        *(
            "the",
            "she",
            "they",
            "you",
            "each",
            "every",
            "all",
            "some",
            "any",
            "most",
            "many",
            "few",
            "other",
            "another",
            "which",
            "this",
            "that",
            "these",
            "those",
            "in",
            "at",
            "on",
            "for",
            "from",
            "with",
            "by",
            "to",
            "or",
            "is",
            "if",
        ),
    }
)
"""Words that say nothing by standing there with a capital: days, languages, and those that sentences begin with."""
_VERB = re.compile(
    r"\s+(?:[a-z]{2,20}ed|is|was|has|had|will|says|makes|made|builds|built|wins|won|opens|leads|led|buys|bought|sells|sold|"
    r"joins|runs|ran|hosts|takes|took|plans|grows|grew|falls|fell|rises|rose|cuts|saves|serves|begins|began)(?![\w'’])"
)
_CAPITALS = 4
"""A word of so many capitals may be a name; a shorter one is mostly an abbreviation."""
_ENDINGS = ("s", "es", "ies", "ed", "d", "ing", "ly", "er", "est", "ness", "ment", "ful", "able")
_SHORTENED = re.compile("['’](?:s|re|ll|ve)$")
_NO_NAME_ENDINGS = ("s", "ing", "ed", "ly", "thing", "body", "one")
_SMALL_IN_TITLES = frozenset({"with", "from", "into", "over", "that", "than", "your", "when", "without", "about"})
_AFTER_START = re.compile(r"(?:^|[.!?:;–—(\[“‘\"'•·*→>|/-]|\d[.)]|[^\w\s,'’])\s*$")


def name_findings(texts: Iterable[str], given: Sequence[str]) -> list[TextFinding]:
    """Names in `texts` of which a word is missing in `given`. Time is linear in both.

    Blocking are the forms that name a person or a company and leave little doubt: after Mr, Dr or CEO; two capitalised
    words before a role (`, CEO`), or that say something (`… said`, `according to …`); before a legal form (`Inc`,
    `GmbH`); in Korean a surname and two syllables before a title (`김지우 대표`), and what stands by `주식회사` or
    `㈜`; and an @mention, which would call somebody. Doubtful are other capitalised Latin words within a sentence, or
    anywhere in Korean text; the first word of a sentence, a word of a heading, and one of four or more capitals, unless
    it is an ordinary word; and a Korean word without a title that begins with a family name, unless it is an ordinary
    word or a verb. Left alone: names that are ordinary words as well, short words in capitals, hashtags, links, days
    and months.
    """
    known = _Known(given)
    found: dict[str, TextFinding] = {}
    for text in texts:
        plain = _plain(text)
        for rule, written in _certain(plain):
            name = _without_starts(written)
            if not known.holds(name):
                found.setdefault(name, _finding(rule, name, blocking=True))
        certain = {word for name in found for word in _WORD.findall(name)}
        for name in _capitalised(plain):
            if not known.holds(name) and name not in certain:
                found.setdefault(name, _finding("name", name, blocking=False))
        for name in untitled_names(plain, known.holds):
            if name not in found:
                found[name] = _finding("name", name, blocking=False)
    return list(found.values())


class _Known:
    """The words of the source. Korean words are kept as their first syllables: particles follow without a space."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: set[str] = set()
        for text in map(skeleton, texts):
            self._words.update(word.casefold() for word in _WORD.findall(text))
            self._words.update(mention.casefold() for mention in _mentions(text))
            for run in _HANGUL.findall(text):
                self._words.update(run[:length] for length in range(2, min(len(run), 12) + 1))

    def holds(self, name: str) -> bool:
        if name.startswith("@"):
            return name.casefold() in self._words
        words = [word.casefold() for word in _WORD.findall(name)] or [name]
        return all(self._has(word) for word in words)

    def _has(self, word: str) -> bool:
        if len(word) == 1 or word in _COMMON:
            return True
        return word in self._words or (word.endswith("s") and word[:-1] in self._words) or f"{word}s" in self._words


def _without_starts(name: str) -> str:
    """The name without a word before it that a sentence begins with: `Then Sarah Connor` is Sarah Connor."""
    first, _, rest = name.partition(" ")
    return rest if rest and first.casefold() in _COMMON else name


def _finding(rule: str, name: str, *, blocking: bool) -> TextFinding:
    text = f"{name!r} does not stand in the source"
    return TextFinding(rule=rule, text=text, blocking=blocking, doubtful=not blocking)


def _plain(text: str) -> str:
    return rehashed(relinked(skeleton(text), lambda _: " "), lambda _: " ")


def _certain(text: str) -> Iterator[tuple[str, str]]:
    for pattern in _PEOPLE_AND_COMPANIES:
        yield from (("name", match["name"]) for match in pattern.finditer(text))
    yield from (("mention", mention) for mention in _mentions(text))
    for match in _KOREAN_PERSON.finditer(text):
        name = match["name"]
        if name[-1] not in _NO_NAME_ENDS and name not in _NO_NAMES:
            yield "name", name
    for match in _KOREAN_COMPANY.finditer(text):
        name = match["before"] or match["after"]
        yield "name", _COMPANY_PARTICLES.sub("", name) if len(name) > 3 else name


def _mentions(text: str) -> Iterator[str]:
    """As X reads them, and so with the full-width sign as well; written with the plain one."""
    yield from (f"@{text[start + 1 : end]}" for start, end in find_mentions(text))


def _capitalised(text: str) -> Iterator[str]:
    """Capitalised words that are names by their place."""
    korean = len(re.findall("[가-힣]", text)) * 3 > len(text)
    for sentence in sentences(text):
        is_title = _is_title(sentence)
        for match in re.finditer(_NAME, sentence):
            starts = _AFTER_START.search(sentence, max(0, match.start() - 4), match.start()) is not None
            word = match.group()
            is_negated = sentence.startswith(("'t", "’t"), match.end())
            if is_negated or len(word) < (_CAPITALS if word.isupper() else 2):
                continue
            tells = not (starts or is_title or word.isupper())
            if korean or tells or _is_subject(sentence, match, starts=starts) or not _is_ordinary(word):
                yield word


def _is_ordinary(word: str) -> bool:
    """Whether it, or what it is made of, is a word that sentences begin with."""
    parts = _SHORTENED.sub("", word.casefold()).split("-")
    return all(_forms(part) & ENGLISH or part in _COMMON for part in parts)


def _forms(word: str) -> set[str]:
    """The word, and what it may be a form of: plural, past, adverb."""
    forms = {word}
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            forms |= {stem, f"{stem}e", f"{stem}y"} | ({stem[:-1]} if len(stem) > 3 and stem[-1] == stem[-2] else set())
    return forms


def _is_subject(sentence: str, word: re.Match[str], *, starts: bool) -> bool:
    """Whether a capitalised word that begins a sentence does something, as people and companies do."""
    if not starts or word.group().isupper() or _is_title(sentence):
        return False
    verb = _VERB.match(sentence, word.end())
    return verb is not None and len(word.group()) > 2 and not word.group().endswith(_NO_NAME_ENDINGS)


def _is_title(sentence: str) -> bool:
    """Whether the longer words behind the first are all capitalised: in a heading, capitals mean nothing."""
    words = _WORD.findall(sentence)
    longer = [word for word in words[1:] if len(word) > 3 and word not in _SMALL_IN_TITLES]
    return (len(longer) > 1 or len(words) < 4) and bool(longer) and all(word[0].isupper() for word in longer)
