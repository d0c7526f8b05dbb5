"""Korean words that may be the name of a person without a title: nothing but their syllables tells them from others."""

import re
from collections.abc import Callable, Iterator

from towpath.policy.publishing.ordinary_words import KOREAN

_FAMILY = frozenset(
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지엄채원"
    "천방공현함변염추도소석선설마길연표탁맹왕"
)
_FAMILIES_OF_TWO = ("남궁", "황보", "제갈", "선우", "독고", "사공", "서문")
_RUN = re.compile("(?<![가-힣A-Za-z0-9])[가-힣]{2,9}(?![가-힣])")
_MOST = 4
"""Syllables of a name."""
_AFTER = re.compile(
    "(?:씨|님|군|양|대표이사|대표|이사장|이사|회장|사장|팀장|교수|박사|기자|선수|감독|작가)?"
    "(?:은|는|이가|이는|이의|이를|이와|이도|이|가|을|를|의|와|과|도|만|에게서|에게는|에게|께서는|께서|께|한테|로부터|으로|로|이랑|랑|"
    "이라는|라는|이라고|라고|이라며|라며|이라|라|이었다|였다|이다|다|입니다|이며|이고|이나|나|부터|까지|처럼|보다|마저|조차|들|들이|들은|"
    "에서는|에서도|에서|에는|에도|에|야|아|뿐|마다|예요|이에요|인)?$"
)
_VERB_OF = re.compile(
    "(?P<noun>[가-힣]{2})(?:(?:하|되|시키|당하)(?:고|며|면|여|지|는|던|기|거나|게|려고|려면|려|도록|지만|는데|면서|여서|기로|기에|자)|"
    "[한된할될해돼했됐])$"
)
"""A noun that is made a verb."""
_POLITE = re.compile("(?:니다|습니까|십시오|세요|어요|아요|해요|네요|지요|거든요|군요)$")
_PAST = re.compile(r"[가-힣]([가-힣])다$")
_N, _SS = 4, 20
"""Final consonants of a verb before its last syllable, as Unicode numbers them."""


def untitled_names(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Words of two to four syllables, particles left out, that begin with a family name, and are neither `known` nor
    ordinary. Time is linear.
    """
    for run in _RUN.findall(text):
        forms = _forms(run)
        if any(form in KOREAN or known(form) for form in forms) or _is_verb(run, known):
            continue
        name = next((form for form in forms if _may_be_name(form)), None)
        if name is not None:
            yield name


def _forms(run: str) -> list[str]:
    """The word without each particle that may end it, the longest particle first, and as it stands."""
    ends = [size for size in range(2, len(run)) if _AFTER.match(run, size)]
    return [*(run[:size] for size in ends), run]


def _may_be_name(form: str) -> bool:
    if len(form) > _MOST:
        return False
    return form[0] in _FAMILY or (len(form) > 2 and form.startswith(_FAMILIES_OF_TWO))


def _is_verb(run: str, known: Callable[[str], bool]) -> bool:
    """By its ending. `윤서하는` ends like a verb as well, and is none: no word is 윤서."""
    if run.endswith(("입니다", "이다", "였다", "이었다")):
        return False
    made = _VERB_OF.search(run)
    past = _PAST.search(run)
    ends_so = past is not None and (ord(past[1]) - ord("가")) % 28 in (_N, _SS)
    is_made = made is not None and (made["noun"] in KOREAN or known(made["noun"]))
    return ends_so or is_made or _POLITE.search(run) is not None
