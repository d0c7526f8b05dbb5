"""Numbers that are written in words, English and Korean, as digits; and words of number that say no certain one."""

import re
from decimal import Decimal

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNDER_HUNDRED = {word: Decimal(value) for value, word in enumerate(_SMALL)} | {
    word: Decimal(10 * value) for value, word in enumerate(_TENS, 2)
}
_GROUPS = {"hundred": Decimal(100), "dozen": Decimal(12)}
_SCALES = {
    word: Decimal(10**power)
    for word, power in (("thousand", 3), ("million", 6), ("billion", 9), ("trillion", 12), ("quadrillion", 15))
}
_WORD = "|".join(sorted((*_UNDER_HUNDRED, *_GROUPS, *_SCALES), key=lambda word: (-len(word), word)))
_LARGE = "|".join((*_GROUPS, *_SCALES))
_ENGLISH = re.compile(
    rf"(?<![A-Za-z0-9.])(?:(?P<half>half an?\s)|an?\s(?=(?:{_LARGE})(?![A-Za-z])))?"
    rf"(?P<words>(?:\d[\d,]{{0,20}}(?:\.\d{{1,10}})?[\s-]?(?=hundred|dozen|trillion|quadrillion))?(?:{_WORD})"
    rf"(?:(?:[\s-]|\sand\s|\spoint\s){{1,3}}(?:a\shalf(?=\s(?:{_LARGE}))|{_WORD})){{0,20}})(?![A-Za-z])",
    re.IGNORECASE,
)
_PART = re.compile(rf"\d[\d,]*(?:\.\d+)?|a\shalf|and|point|{_WORD}", re.IGNORECASE)
_PERCENT = re.compile(r"[\s-]?(?:%|percent|per cent)", re.IGNORECASE)

_SINO = dict(zip("영공일이삼사오육륙칠팔구", (0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9), strict=True))
_SINO_SMALL = {"십": 10, "백": 100, "천": 1_000}
_SINO_LARGE = {"만": 10**4, "억": 10**8, "조": 10**12}
_NATIVE_TENS = {
    "열": 10,
    "스물": 20,
    "스무": 20,
    "서른": 30,
    "마흔": 40,
    "쉰": 50,
    "예순": 60,
    "일흔": 70,
    "여든": 80,
    "아흔": 90,
}
_NATIVE = {
    "하나": 1,
    "한": 1,
    "둘": 2,
    "두": 2,
    "셋": 3,
    "세": 3,
    "석": 3,
    "넷": 4,
    "네": 4,
    "넉": 4,
    "다섯": 5,
    "여섯": 6,
    "일곱": 7,
    "여덟": 8,
    "아홉": 9,
}
_COUNTER = (
    r"(?:명|개|원|달러|유로|엔|위안|배|퍼센트|프로(?![가-힣]{2})|%|건|곳|대(?![표학책안중])|회(?![사의])|번(?!째)|위|톤|미터|킬로|년|"
    r"월|달|주(?![요로])|일(?![반부정])|시간|분(?![야석])|초|살|가지|군데|사람|인(?![용기])|장|권|편|통|박스|상자|평|점포|곱|kg|km|m)"
)
_KOREAN_SINO = re.compile(
    rf"(?<![가-힣\d])(?<!\d )(?P<run>[일이삼사오육륙칠팔구십백천만억조]{{1,20}})"
    rf"(?=\s?{_COUNTER}|(?P<bare>[은는을를의와과도로](?![가-힣])|[^가-힣]|$))"
)
_CERTAIN_DIGIT = re.compile(r"[일이삼사오육륙칠팔구]\s?(?:퍼센트|프로(?![가-힣])|%|개월)|[삼오육칠팔구]\s?(?:년|명|배)")
"""Others may be another word: 이 is "this", 사건 an event, 오분 nothing."""
_NO_NUMBERS = frozenset({"만일", "천만", "백일", "만사", "천일", "억조"})
_KOREAN_NATIVE = re.compile(
    rf"(?<![가-힣])(?P<tens>{'|'.join(_NATIVE_TENS)})?(?P<units>{'|'.join(_NATIVE)})?(?=\s?{_COUNTER})"
    r"|(?<![가-힣])(?P<alone>다섯|여섯|일곱|여덟|아홉)(?=[은는을를의와과도로이가]|[^가-힣]|$)"
)
_PARTY = r"(?![\s-]part(?:y|ies))"
_SHARES = "third|quarter|fifth|sixth|seventh|eighth|ninth|tenth|twentieth|hundredth|thousandth"
_ORDINALS = (
    "third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|"
    "(?:twen|thir|for|fif|six|seven|eigh|nine)tieth|hundredth|thousandth|millionth"
)
_LOOSE = (
    r"(?:single|double|triple)[\s-](?:digit|figure)s?",
    "half|halv(?:e|es|ed|ing)|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)|(?:quadru|quintu)pl(?:e|es|ed|ing)",
    f"twice|thrice|(?:{_WORD}|mani|multi)-?fold",
    "dozens|hundreds|thousands|millions|billions|trillions|majority|minority",
    r"(?:a\s)?couple of|pairs? of|handful of|scores? of|decades?|century|centuries|fortnights?",
    rf"(?:an?|one|\d{{1,6}})[\s-](?:{_SHARES})s?{_PARTY}",
    rf"(?:{_ORDINALS}){_PARTY}",
)
_VAGUE = re.compile(
    rf"(?<![A-Za-z\d])(?:{'|'.join(_LOOSE)})(?![A-Za-z])"
    r"|(?<![\w.,/])\d{1,20}(?:[\s-](?:digit|figure)s?(?![A-Za-z])|/\d{1,20}(?=\s+of(?![A-Za-z])))"
    r"|(?<![\w.,/])\d[\d.,]*\s?(?:m|mm|mn|mln|mio|trn|tn|mrd|bln|crores?|lakhs?)(?![A-Za-z])"
    r"|절반|반토막|갑절|과반|자릿수|(?<![가-힣])수(?:십|백|천|만|억)+(?=\s?[가-힣%])"
    r"|(?<![가-힣])(?:몇|두세|서너|대여섯)(?=\s?[가-힣])"
    r"|(?<![\d일이삼사오육칠팔구십백천])[\d일이삼사오육칠팔구십백천]+\s?분의\s?[\d일이삼사오육칠팔구십백천]+"
    r"|(?<![가-힣])(?:이틀|사흘|나흘|닷새|엿새|이레|여드레|아흐레|열흘|보름)"
    r"|(?<![가-힣])(?:세|네|다섯|여섯|일곱|여덟|아홉|열[가-힣]{0,2})\s?번째"
    r"|[一二三四五六七八九十百千万萬億亿兆]{2,}|[一二三四五六七八九十百千万億](?=\s?[個个名人年倍割箱社円元%])",
    re.IGNORECASE,
)
"""Million by an `m` may be metres; a third, a century and 열흘 are numbers that one may count with or not."""


def in_digits(text: str, *, ones: bool = False) -> str:
    """The text with its number words as digits. A lone `one`, `한` or `하나` is a number with `ones` only: it is mostly
    none.
    """
    text = _ENGLISH.sub(lambda match: _english(match, ones=ones), text)
    text = _KOREAN_SINO.sub(_sino, text)
    return _KOREAN_NATIVE.sub(lambda match: _native(match, ones=ones), text)


def vague_numbers(text: str) -> tuple[str, ...]:
    """Words that say how many, and not exactly, or that may be no number: `doubled`, `millions`, `절반`, `이천`."""
    found = [match.group() for match in _VAGUE.finditer(text)]
    for match in _KOREAN_SINO.finditer(text):
        run = match["run"]
        if len(run) > 1 and run not in _NO_NUMBERS and not set(run).isdisjoint(_SINO_SMALL | _SINO_LARGE):
            found.append(run)
    return tuple(dict.fromkeys(found))


def _english(match: re.Match[str], *, ones: bool) -> str:
    words, end = match["words"], match.end()
    is_percent = _PERCENT.match(match.string, end) is not None
    if words.lower() == "one" and not (ones or is_percent or match["half"]):
        return match.group()
    numbers = _counted(_PART.findall(words.lower()))
    if match["half"] and numbers:
        numbers[0] /= 2
    return " ".join(_plain(number) for number in numbers)


def _counted(tokens: list[str]) -> list[Decimal]:
    """The numbers of a row of words: `two hundred and fifty` is one, `five six` are two."""
    numbers = [_Count()]
    for word in tokens:
        if not numbers[-1].take(word):
            numbers.append(_Count())
            numbers[-1].take(word)
    return [number.value for number in numbers if not number.is_empty]


class _Count:
    """One number, word by word."""

    def __init__(self) -> None:
        self.is_empty = True
        self._total = Decimal(0)
        self._group = Decimal(0)
        self._last = ""
        self._decimals: str | None = None

    @property
    def value(self) -> Decimal:
        return self._total + self._group

    def take(self, word: str) -> bool:
        """Whether the word goes on with this number."""
        if word in {"and", "point"}:
            goes_on = self._last in {"large", "decimal"} if word == "and" else not self.is_empty
            self._decimals = "" if word == "point" and goes_on else self._decimals
            self._last = "decimal" if word == "point" and goes_on else self._last
            return goes_on or word == "and"
        if word == "a half":
            self._group += Decimal("0.5")
            return True
        small = _UNDER_HUNDRED.get(word)
        if small is not None:
            return self._take_small(small)
        if word in _GROUPS or word in _SCALES:
            return self._take_large(word)
        if not self.is_empty:
            return False
        self._group, self.is_empty, self._last = Decimal(word.replace(",", "")), False, "small"
        return True

    def _take_small(self, value: Decimal) -> bool:
        if self._decimals is not None and value < 10:
            self._decimals += str(value)
            self._group = Decimal(f"{int(self._group)}.{self._decimals}")
            return True
        follows_tens = self._last == "tens" and 0 < value < 10
        if not (self.is_empty or self._last == "large" or follows_tens):
            return False
        self._group += value
        self.is_empty, self._last = False, "tens" if value >= 20 else "small"
        return True

    def _take_large(self, word: str) -> bool:
        factor = _GROUPS.get(word) or _SCALES[word]
        group = self._group or (Decimal(1) if self._last != "large" else Decimal(0))
        if not group:
            self._total *= factor
        elif word in _GROUPS:
            self._group = group * factor
        else:
            self._total, self._group = self._total + group * factor, Decimal(0)
        self.is_empty, self._last, self._decimals = False, "large", None
        return True


def _sino(match: re.Match[str]) -> str:
    run = match["run"]
    has_scale = any(letter in _SINO_SMALL or letter in _SINO_LARGE for letter in run)
    is_bare = match["bare"] is not None
    # 이천 may be a town, 만일 means "if": alone they say nothing. 백만 and 삼십억 are numbers wherever they stand.
    is_certain = len(run) > 1 and has_scale and run[-1] in _SINO_LARGE and run[0] not in _SINO_LARGE
    if not has_scale:
        is_counted = len(run) == 1 and _CERTAIN_DIGIT.match(match.string, match.start()) is not None
        return str(_SINO[run]) if is_counted else run
    if is_bare and not is_certain:
        return run
    total = group = 0
    digit: int | None = None
    for letter in run:
        if letter in _SINO:
            digit = _SINO[letter]
        elif letter in _SINO_SMALL:
            group += (1 if digit is None else digit) * _SINO_SMALL[letter]
            digit = None
        else:
            total += ((group + (digit or 0)) or 1) * _SINO_LARGE[letter]
            group, digit = 0, None
    return str(total + group + (digit or 0))


def _native(match: re.Match[str], *, ones: bool) -> str:
    if match["alone"]:
        return str(_NATIVE[match["alone"]])
    if not match["tens"] and (not match["units"] or (_NATIVE[match["units"]] == 1 and not ones)):
        return match.group()
    return str(_NATIVE_TENS.get(match["tens"] or "", 0) + _NATIVE.get(match["units"] or "", 0))


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
