"""Names of columns, from whatever a source calls them.

A name is that of its text, whatever stands before or beside it: a text that is a name already keeps it, and a column
that comes later takes no other's name.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from towpath.contracts.pipeline.dataset import Column

RESERVED = "_row"
_UNFIT = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST = 60
_LONGEST_MARKED = 54
_DIGITS = 6
MOST_NAMED = 8


def column_names(told: Iterable[str], known: Iterable[Column] = ()) -> tuple[str, ...]:
    """One name for each, in order, that a database takes unquoted in any case: letters, digits, `_`, all different.

    Columns that are known keep the text that is theirs. Of texts that would have one name, the one that is the name has
    it, and each other is called by its digest; when none of several is the name, nobody has it. The second of the same
    text is called `NAME_2`. What is empty is called by its place.
    """
    texts = placed(told)
    naming = _Naming(texts)
    naming.bind(tuple(known))
    naming.choose()
    naming.repeat()
    return tuple(naming.names[place] for place in range(len(texts)))


def placed(told: Iterable[str]) -> list[str]:
    """The texts; those that are empty by their place."""
    texts = [text if text.strip() else "" for text in told]
    return [text or f"column_{number}" for number, text in enumerate(texts, 1)]


class _Naming:
    """Names by the places of their texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._first: dict[str, int] = {}
        for place, text in enumerate(texts):
            self._first.setdefault(text, place)
        self._taken = {RESERVED}
        self.names: dict[int, str] = {}

    def bind(self, known: Sequence[Column]) -> None:
        for column in known:
            self._bind(column, _own_names(column))
        bound = set(self.names.values())
        for column in known:
            if column.name not in bound:
                self._bind(column, (column.description,))

    def choose(self) -> None:
        groups: dict[str, list[str]] = {}
        for text, place in self._first.items():
            if place not in self.names:
                groups.setdefault(_made(text).lower(), []).append(text)
        losers = {folded: self._winner(folded, texts) for folded, texts in groups.items()}
        for folded in sorted(losers):
            for text in losers[folded]:
                self._give(self._first[text], marked(text))

    def repeat(self) -> None:
        for place, text in enumerate(self._texts):
            if place in self.names:
                continue
            name, count = self.names[self._first[text]], 2
            while f"{name[:_LONGEST]}_{count}".lower() in self._taken:
                count += 1
            self._give(place, f"{name[:_LONGEST]}_{count}")

    def _bind(self, column: Column, texts: Iterable[str]) -> None:
        for text in texts:
            place = self._first.get(text)
            if place is not None and place not in self.names and column.name.lower() not in self._taken:
                self._give(place, column.name)
                return

    def _winner(self, folded: str, texts: list[str]) -> list[str]:
        """Names the one that has the name; the others, in an order that is not theirs."""
        exact = [text for text in texts if _made(text) == text]
        winners = exact or texts
        if len(winners) == 1 and folded not in self._taken:
            self._give(self._first[winners[0]], _made(winners[0]))
            return sorted(text for text in texts if text != winners[0])
        return sorted(texts)

    def _give(self, place: int, name: str) -> None:
        self.names[place] = name
        self._taken.add(name.lower())


def _made(text: str) -> str:
    """The name of a text that is alone."""
    name = _UNFIT.sub("_", text.strip()).strip("_") if _UNFIT.search(text) else text
    name = (f"_{name}" if name[:1].isdigit() else name)[:_LONGEST]
    return name or marked(text)


def marked(text: str) -> str:
    """A name that no other text has."""
    name = _UNFIT.sub("_", text.strip()).strip("_") or "column"
    name = f"_{name}" if name[:1].isdigit() else name
    return f"{name[:_LONGEST_MARKED]}_{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def keys_of(columns: Sequence[Column]) -> list[tuple[str, ...]]:
    """What a source without a header may call each: as `column_names` binds them, a description being no other's."""
    own = [_own_names(column) for column in columns]
    others = {name for names in own for name in names}
    return [
        names if not column.description or column.description in others else (*names, column.description)
        for column, names in zip(columns, own, strict=True)
    ]


def _own_names(column: Column) -> tuple[str, ...]:
    """Its description where the name was made from that, and its own name."""
    told = column.description
    if told and told != column.name:
        made = _made(told)
        if column.name in {made, marked(told)} or re.fullmatch(re.escape(made) + r"_\d+", column.name):
            return (told, column.name)
    return (column.name,)


def unsure(found: Iterable[Column], declared: Sequence[Column]) -> str | None:
    """A declared column that more than one text could mean, in words."""
    there = {column.name for column in found}
    names = {column.name for column in declared}
    others = [column.description for column in found if column.description and column.name not in names]
    for column in declared:
        if column.name in there:
            continue
        meant = [text for text in others if _may_be(column.name, text)]
        if meant:
            shown = " or ".join(repr(text) for text in meant[:MOST_NAMED])
            return f"column {column.name} may be {shown}: write the one that is meant as its description"
    return None


def _may_be(name: str, text: str) -> bool:
    made = _made(text)
    if not _UNFIT.sub("", text):
        return re.fullmatch(r"column_\d+", name) is not None
    return re.fullmatch(rf"{re.escape(made)}(?:_\d+)?", name, re.IGNORECASE) is not None


def renamed(found: Iterable[Column], declared: Iterable[Column]) -> Iterator[str]:
    """What is read under another name than the source's, unless it is declared so; in one sentence."""
    known = {(column.name, column.description) for column in declared}
    made = [
        f"{column.description!r} as {column.name}"
        for column in found
        if column.description and (column.name, column.description) not in known
    ]
    if made:
        more = f" and {len(made) - MOST_NAMED} more" if len(made) > MOST_NAMED else ""
        yield f"columns read under other names: {', '.join(made[:MOST_NAMED])}{more}"


def named_columns(told: Iterable[str], known: Iterable[Column] = ()) -> Iterator[tuple[str, str]]:
    """Name and description of each: the text, where the name is another one."""
    texts = placed(told)
    for name, text in zip(column_names(texts, known), texts, strict=True):
        yield name, "" if name == text else text


def most(files: Iterable[Sequence[str]]) -> list[str]:
    """The texts of all files: each as often as the file that has it most often."""
    counts: Counter[str] = Counter()
    for texts in files:
        counts |= Counter(texts)
    return list(counts.elements())


def identifier(text: str) -> str:
    """A name for a source, from that of a file."""
    name = _UNFIT.sub("-", text.lower()).strip("-_")[:_LONGEST]
    return name if name[:1].isalpha() and name.isascii() else f"source-{name}".rstrip("-")
