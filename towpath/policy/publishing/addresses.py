"""Links and addresses of mail in a text, found by their form and compared with those of the source.

What a reader could follow is one: by its scheme, by its ending, or by a path behind a dotted word. Whether another
dotted word is one, nobody can tell from its form.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from towpath.policy.core.endings import ENDINGS
from towpath.policy.core.reading import as_read

_MARKS = r"\s<>\"“”„「」『』«»《》"
_SCHEMED = rf"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{{1,20}}://[^{_MARKS}]{{1,2000}}"
_MAIL = r"[A-Za-z0-9._+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_DOTTED = rf"(?<![\w.-])[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}(?::\d{{1,5}})?(?:[/?#][^{_MARKS}]{{0,2000}})?"
_CANDIDATE = re.compile(f"(?P<schemed>{_SCHEMED})|(?P<mail>{_MAIL})|(?P<dotted>{_DOTTED})")
_DISGUISED = re.compile(
    r"(?<=[A-Za-z0-9])(?:[。｡](?=[A-Za-z])|\s?(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\))\s?(?=[A-Za-z]))", re.IGNORECASE
)
"""What a browser, or a person, reads as the dot of a name."""
_HOST = re.compile(r"[\w.-]+")
_LATIN = re.compile(r"[A-Za-z]{2,24}(?![A-Za-z0-9_-])|xn--[A-Za-z0-9-]+")
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "onion"})
_WIDE = tuple(sorted(ending for ending in ENDINGS if not ending.isascii()))
_TRAILING = ".,;:!?…*'’·"
_PARTICLE = re.compile(
    r"(?:에서는|에서도|에서의|에서|에게|께|으로|까지|부터|입니다|이며|이고|이라는|라는|에는|에도|에|은|는|이나|이|가|을|를|로|"
    r"와|과|의|도|만|나|처럼|보다)$"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One that was found. `is_certain` is false for a dotted word such as Node.js."""

    written: str
    start: int
    end: int
    is_certain: bool


def addresses(text: str) -> list[Address]:
    """Every address of a text that is written as it is read, in order. Places are those of `undisguised(text)`."""
    found: list[Address] = []
    text = undisguised(text)
    for match in _CANDIDATE.finditer(text):
        written = _trimmed(match.group())
        kind = match.lastgroup
        certain = True if kind != "dotted" else _certainty(written)
        if certain is not None:
            found.append(Address(written, match.start(), match.start() + len(written), certain))
    return found


def undisguised(text: str) -> str:
    """The text with plain dots in the names that it disguises, as in `evil[.]com`."""
    return _DISGUISED.sub(".", text)


class KnownAddresses:
    """Those of the source. The host of one counts as given by itself; another path of it does not."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known: set[str] = set()
        for text in texts:
            for address in addresses(as_read(text)):
                for form in _forms(address.written):
                    self._known |= {form, _host(form)}

    def holds(self, address: Address) -> bool:
        return any(form in self._known for form in _forms(address.written))


def without_addresses(text: str) -> str:
    """The text with a line break in place of each address."""
    text = undisguised(text)
    parts: list[str] = []
    position = 0
    for address in addresses(text):
        if address.is_certain:
            parts += [text[position : address.start], "\n"]
            position = address.end
    return "".join([*parts, text[position:]])


def _certainty(written: str) -> bool | None:
    """Whether a dotted word is an address; None: it is none."""
    host = _HOST.match(written)
    labels = "" if host is None else host.group().rpartition(".")[2]
    latin = _LATIN.match(labels)
    if latin is None:
        return True if labels.startswith(_WIDE) else None
    has_path = host is not None and host.end() < len(written)
    return latin.group().lower() in ENDINGS | _RESERVED or has_path or latin.group().startswith("xn--")


def _forms(written: str) -> tuple[str, ...]:
    """As it is compared, and without the particle behind it: letters of the host in lower case, its path as it is."""
    forms = [_normal(written)]
    shorter = _trimmed(_PARTICLE.sub("", written))
    if shorter != written:
        forms.append(_normal(shorter))
    return tuple(forms)


def _normal(written: str) -> str:
    scheme, separator, rest = written.partition("://")
    if not separator:
        scheme, rest = "", written
    host = re.match(r"[^/?#]*", rest)
    end = 0 if host is None else host.end()
    name = rest[:end].lower().removeprefix("www.")
    prefix = "" if scheme.lower() in {"", "http", "https"} else f"{scheme.lower()}://"
    return prefix + name + unquote(rest[end:]).rstrip("/")


def _host(form: str) -> str:
    return re.split(r"[/?#]", form.rpartition("://")[2].rpartition("@")[2], maxsplit=1)[0]


def _trimmed(written: str) -> str:
    """Without the punctuation of the sentence around it; brackets stay where they are closed within it."""
    end = len(written)
    spare = {closer: written.count(closer) - written.count(opener) for opener, closer in ("()", "[]", "{}")}
    while end and (written[end - 1] in _TRAILING or spare.get(written[end - 1], 0) > 0):
        if written[end - 1] in spare:
            spare[written[end - 1]] -= 1
        end -= 1
    return written[:end]
