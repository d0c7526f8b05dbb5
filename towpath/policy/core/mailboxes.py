"""Addresses of mail, and lines of text as they may stand in a header: what else is in them is refused or shown."""

import re
import unicodedata
from dataclasses import dataclass

MOST_LOCAL, MOST_DOMAIN = 64, 253
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9._-]+")
_NAMED = re.compile(r"([^<>]*)<([^<>]+)>")
LETTERS = frozenset("LMN")
"""Letters, marks and numbers: what an address may have beyond ASCII."""
CONTROLS = frozenset({"Cc", "Cs"})
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows them: a line that has them reads as another one."""
SHOWN = "\ufffd"
"""What stands in the place of a character that must not stand in a line."""


@dataclass(frozen=True, slots=True)
class MailAddress:
    local: str
    domain: str

    @property
    def text(self) -> str:
        """As it stands in a header: quoted where dots stand together or at an end. The envelope goes without quotes."""
        local = self.local if all(self.local.split(".")) else f'"{self.local}"'
        return f"{local}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        return self.text.isascii()


@dataclass(frozen=True, slots=True)
class MailSender:
    name: str
    address: MailAddress


def mail_address(text: str) -> MailAddress | None:
    """None for what is no plain address. Encoded words, comments, spaces and controls are in none."""
    local, sign, domain = text.rpartition("@")
    if not sign or not 0 < len(local) <= MOST_LOCAL or not 0 < len(domain) <= MOST_DOMAIN:
        return None
    if "=?" in text or "?=" in text or not _is_of(local, _LOCAL) or not _is_of(domain, _DOMAIN):
        return None
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        return None
    return MailAddress(local, domain)


def mail_sender(text: str) -> MailSender | None:
    """`Name <address>` or an address alone."""
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        alone = mail_address(text.strip())
        return None if alone is None else MailSender("", alone)
    address = mail_address(named[2].strip())
    name = one_line(named[1]).strip('"').strip()
    return None if address is None else MailSender(name, address)


def one_line(text: str) -> str:
    """One line of text: breaks and runs of spaces are one space; controls and turns of direction become U+FFFD."""
    return "".join(SHOWN if _is_hidden(letter) else letter for letter in " ".join(text.split()))


def is_atoms(text: str) -> bool:
    """Whether a name may stand in a header as it is."""
    return bool(text) and all(_ATOM.fullmatch(word) for word in text.split(" ")) and "=?" not in text


def _is_of(text: str, plain: re.Pattern[str]) -> bool:
    return all(
        plain.fullmatch(letter) if letter.isascii() else unicodedata.category(letter)[0] in LETTERS for letter in text
    )


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in CONTROLS or letter in DIRECTIONS
