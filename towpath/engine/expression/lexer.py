"""Text to tokens. A segment after a dot may hold hyphens; `{{` and `}}` are parentheses unless they close an object."""

import re
from dataclasses import dataclass
from typing import Literal

from towpath.engine.expression.values import MAX_TEXT, ExpressionError

TokenKind = Literal["name", "number", "string", "duration", "percent", "operator", "end"]

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"(?P<duration>(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+(?!\w))"
    r"|(?P<percent>\d+(?:\.\d+)?%(?!\s*[\w(]))"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<operator>\?\?|\?\.|\|\||&&|==|!=|<=|>=|\{\{|[-+*/%<>!?:.,()\[\]{}])",
    re.DOTALL,
)
_SEGMENT = re.compile(r"[^\W\d]\w*(?:-\w+)*")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/", "b": "\b", "f": "\f"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "{{": "}}"}


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    text: str
    at: int


class Lexer:
    """One pass over a text. With `inside`, it stops at the `}}` that closes the template it began in."""

    def __init__(self, text: str, start: int = 0, *, inside: bool = False) -> None:
        self._text = text
        self._at = start
        self._start = start
        self._inside = inside
        self._open: list[str] = []
        self.end = start

    def tokens(self) -> list[Token]:
        """Raises ExpressionError. `end` is then where the text goes on: after the closing `}}`, or its end."""
        found: list[Token] = []
        while True:
            token = self._next(after_dot=bool(found) and found[-1].text in {".", "?."})
            found.append(token)
            if token.kind == "end":
                return found
            if token.at - self._start > MAX_TEXT:
                raise ExpressionError("limit", f"longer than {MAX_TEXT:,} characters", self._start)

    def _next(self, *, after_dot: bool) -> Token:
        space = _SPACE.match(self._text, self._at)
        at = self._at if space is None else space.end()
        if at >= len(self._text):
            return self._finish(at)
        if after_dot:
            segment = _SEGMENT.match(self._text, at)
            if segment is not None:
                return self._token("name", segment.group(), at)
        if self._text.startswith("}}", at) and (not self._open or self._open[-1] == "{{"):
            return self._close_template(at)
        return self._plain(at)

    def _finish(self, at: int) -> Token:
        if self._inside:
            raise ExpressionError("syntax", "this template is not closed: }} is missing", self._start)
        self.end = at
        return Token("end", "the end", at)

    def _close_template(self, at: int) -> Token:
        if self._open:
            self._open.pop()
            return self._token("operator", "}}", at)
        if not self._inside:
            raise ExpressionError("syntax", "}} closes nothing", at)
        self.end = at + 2
        return Token("end", "}}", at)

    def _plain(self, at: int) -> Token:
        match = _TOKEN.match(self._text, at)
        if match is None:
            raise ExpressionError("syntax", f"{self._text[at]!r} has no meaning here{_hint(self._text, at)}", at)
        text = match.group()
        if match.lastgroup == "operator":
            if text in _CLOSING:
                self._open.append(text)
            elif text in {")", "]", "}"} and self._open and _CLOSING[self._open[-1]] == text:
                self._open.pop()
        return self._token(_kind(match), text, at)

    def _token(self, kind: TokenKind, text: str, at: int) -> Token:
        self._at = at + len(text)
        return Token(kind, text, at)


def unquote(text: str, at: int) -> str:
    """The value of a string literal. Raises ExpressionError for an escape that is not one."""

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            point = int(code[1:], 16)
            if 0xD800 <= point < 0xE000:
                raise ExpressionError("syntax", "\\u of half a character: write the character itself", at)
            return chr(point)
        if code not in _ESCAPES:
            raise ExpressionError("syntax", f"\\{code} is not an escape", at)
        return _ESCAPES[code]

    return _ESCAPE.sub(replace, text[1:-1])


def _kind(match: re.Match[str]) -> TokenKind:
    match match.lastgroup:
        case "duration" | "percent" | "number" | "name" | "string" as kind:
            return kind
        case _:
            return "operator"


def _hint(text: str, at: int) -> str:
    if text[at] == "=":
        return ": equality is =="
    if text[at] in "'\"":
        return ": the string is not closed"
    if text[at] in "|&":
        return ": write || or &&"
    return ""
