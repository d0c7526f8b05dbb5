"""Text to tokens. A segment after a dot may hold hyphens; `{{` and `}}` are parentheses unless they close an object."""

import re
from typing import Literal, NamedTuple

from towpath.engine.expression.values import MAX_TEXT, ExpressionError

TokenKind = Literal["name", "number", "string", "duration", "percent", "operator", "end"]

_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"(?P<duration>(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+(?!\w))"
    r"|(?P<percent>[0-9]+(?:\.[0-9]+)?%(?!\s*(?!(?:or|and|in)\b)[\w({'\"]))"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<operator>\?\?|\?\.|\|\||&&|==|!=|<=|>=|\{\{|[-+*/%<>!?:.,()\[\]{}])",
    re.DOTALL,
)
_SEGMENT = re.compile(r"[^\W\d]\w*(?:-\w+)*")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/", "b": "\b", "f": "\f"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "{{": "}}"}
_SPLICE = re.compile(r"\{\{.*\}\}", re.DOTALL)
_HINTS = {
    "=": ": equality is ==",
    "'": ": the string is not closed",
    '"': ": the string is not closed",
    "|": ": write ||",
    "&": ": write &&",
}


class Token(NamedTuple):
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
        after_dot = False
        while True:
            token = self._next(after_dot=after_dot)
            found.append(token)
            if token.at - self._start > MAX_TEXT:
                raise ExpressionError("limit", f"longer than {MAX_TEXT:,} characters", self._start)
            if token.kind == "end":
                return found
            after_dot = token.text in {".", "?."}

    def _next(self, *, after_dot: bool) -> Token:
        space = _SPACE.match(self._text, self._at)
        at = self._at if space is None else space.end()
        if at >= len(self._text):
            return self._finish(at)
        if after_dot:
            segment = _SEGMENT.match(self._text, at)
            if segment is not None:
                return self._token("name", segment.group(), at)
        if self._text.startswith("}}", at) and (not self._open or self._open[-1] != "{"):
            return self._close_template(at)
        return self._plain(at)

    def _finish(self, at: int) -> Token:
        if self._inside:
            raise ExpressionError("syntax", "this template is not closed: }} is missing", self._start - 2)
        self.end = at
        return Token("end", "the end", at)

    def _close_template(self, at: int) -> Token:
        if self._open:
            self._close("}}", at)
            return self._token("operator", "}}", at)
        if not self._inside:
            raise ExpressionError("syntax", "}} closes nothing", at)
        self.end = at + 2
        return Token("end", "}}", at)

    def _close(self, text: str, at: int) -> None:
        """Here and not in the parser, so that a forgotten `)` does not let a template run on into the text behind."""
        wanted = _CLOSING[self._open.pop()]
        if text != wanted:
            raise ExpressionError("syntax", f"expected {wanted!r}, found {text!r}", at)

    def _plain(self, at: int) -> Token:
        match = _TOKEN.match(self._text, at)
        if match is None:
            raise _meaningless(self._text, at)
        text = match.group()
        if text in _CLOSING:
            self._open.append(text)
        elif text in {")", "]", "}"} and self._open:
            self._close(text, at)
        elif match.lastgroup == "string" and not self._inside and _SPLICE.search(text):
            message = "{{ }} in a string of a condition is only text: take the quotes away, or join strings with +"
            raise ExpressionError("syntax", message, at)
        return self._token(_kind(match), text, at)

    def _token(self, kind: TokenKind, text: str, at: int) -> Token:
        self._at = at + len(text)
        return Token(kind, text, at)


def unquote(text: str, at: int) -> str:
    """The value of a string literal. Raises ExpressionError for an escape that is not one."""

    def replace(match: re.Match[str]) -> str:
        code, place = match.group(1), at + 1 + match.start()
        if len(code) == 5:
            point = int(code[1:], 16)
            if 0xD800 <= point < 0xE000:
                raise ExpressionError("syntax", "\\u of half a character: write the character itself", place)
            return chr(point)
        if code not in _ESCAPES:
            raise ExpressionError("syntax", f"\\{code} is not an escape", place)
        return _ESCAPES[code]

    return _ESCAPE.sub(replace, text[1:-1])


def _kind(match: re.Match[str]) -> TokenKind:
    match match.lastgroup:
        case "duration" | "percent" | "number" | "name" | "string" as kind:
            return kind
        case _:
            return "operator"


def _meaningless(text: str, at: int) -> ExpressionError:
    word = re.compile(r"[\w.]{1,40}").match(text, at)
    shown = text[at] if word is None else word.group()
    return ExpressionError("syntax", f"{shown!r} has no meaning here{_HINTS.get(text[at], '')}", at)
