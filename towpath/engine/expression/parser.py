"""Tokens to a syntax tree, by precedence climbing. Loosest first:

    a ? b : c    || or    && and    not    == != < <= > >= in    ??    + -    * / %    - !    .a ?.a [k] f(…)

`??` binds tighter than comparison, so `score ?? 0 > 0.7` compares.
"""

from collections.abc import Mapping

from towpath.engine.expression.durations import parse_duration
from towpath.engine.expression.functions import EACH, FUNCTIONS
from towpath.engine.expression.lexer import Lexer, Token, unquote
from towpath.engine.expression.nodes import (
    Binary,
    CallExpression,
    Conditional,
    Each,
    ListOf,
    Literal,
    Member,
    Name,
    Node,
    ObjectOf,
    Unary,
    children,
)
from towpath.engine.expression.suggestions import did_you_mean
from towpath.engine.expression.values import (
    INT_LIMIT,
    MAX_DEPTH,
    MAX_HEIGHT,
    MAX_NODES,
    MAX_TEXT,
    NUMBERS,
    ExpressionError,
    Value,
)

MAX_SHOWN = 40
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_WORDS = {"or": "||", "and": "&&"}
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"or", "and", "not", "in", *_CONSTANTS})
POWERS: Mapping[str, int] = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(sorted(COMPARISONS), 3),
    "??": 4,
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}


def parse(text: str) -> Node:
    """The tree of a text that is one expression. Raises ExpressionError."""
    if len(text) > MAX_TEXT:
        raise ExpressionError("limit", f"longer than {MAX_TEXT:,} characters", 0)
    return parse_tokens(Lexer(text).tokens())


def parse_tokens(tokens: list[Token]) -> Node:
    """Raises ExpressionError when the tokens are not exactly one expression."""
    return _Parser(tokens).whole()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Node:
        first = self._peek()
        if first.kind == "end":
            raise ExpressionError("syntax", "an expression is missing", first.at)
        node = self._expression()
        if self._peek().kind != "end":
            raise self._unexpected("an operator or the end")
        _check_height(node)
        return node

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _operator(self) -> str:
        token = self._tokens[self._next]
        if token.kind == "name":
            return _WORDS.get(token.text, token.text if token.text in {"in", "not"} else "")
        return token.text if token.kind == "operator" else ""

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _expect(self, text: str) -> Token:
        token = self._peek()
        if token.kind != "operator" or token.text != text:
            raise self._unexpected(repr(text))
        return self._take()

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._peek()
        return ExpressionError("syntax", f"expected {wanted}, found {_shown(token)}", token.at)

    def _count(self, at: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ExpressionError("limit", f"more than {MAX_NODES} parts", at)

    def _deeper(self) -> None:
        """Called for each recursion: operators of different strength nest just as brackets do."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError("limit", f"nested deeper than {MAX_DEPTH}", self._peek().at)

    def _expression(self) -> Node:
        node = self._climb(1)
        if self._operator() == "?":
            self._deeper()
            self._count(self._take().at)
            then = self._expression()
            self._expect(":")
            node = Conditional(node.at, node, then, self._expression())
            self._depth -= 1
        return node

    def _climb(self, level: int) -> Node:
        """Operators that bind at least as tightly as `level`."""
        self._deeper()
        node = self._unary()
        while True:
            operator = self._operator()
            power = POWERS.get(operator, 0)
            if power < level or not power:
                self._depth -= 1
                return node
            at = self._take().at
            self._count(at)
            node = Binary(at, operator, node, self._climb(power if operator == "??" else power + 1))
            if operator in COMPARISONS and self._operator() in COMPARISONS:
                raise ExpressionError("syntax", "comparisons do not chain: join two with &&", self._peek().at)

    def _unary(self) -> Node:
        """Signs bind tightly, the word `not` looser than a comparison."""
        operator = self._operator()
        if operator not in {"-", "!", "not"}:
            return self._postfix()
        token = self._take()
        self._count(token.at)
        if operator == "-" and self._peek().text == str(INT_LIMIT):
            return self._smallest(token)
        if operator == "not":
            return Unary(token.at, "!", self._climb(POWERS["=="]))
        self._deeper()
        operand = self._unary()
        self._depth -= 1
        if operator == "-" and isinstance(operand, Literal) and _has_negative(operand.value):
            return Literal(token.at, -operand.value)
        return Unary(token.at, operator, operand)

    def _smallest(self, sign: Token) -> Node:
        """The one integer whose digits alone are none."""
        digits = self._take()
        self._count(digits.at)
        if self._operator() in {".", "?.", "["}:
            raise ExpressionError("limit", "integers have 64 bits", digits.at)
        return Literal(sign.at, -INT_LIMIT)

    def _postfix(self) -> Node:
        node = self._primary()
        while self._operator() in {".", "?.", "["}:
            token = self._take()
            self._count(token.at)
            optional = token.text == "?."
            if token.text == "[" or (optional and self._operator() == "["):
                if optional:
                    self._take()
                key = self._expression()
                self._expect("]")
                node = Member(token.at, node, key, optional)
            elif self._peek().kind == "name":
                name = self._take()
                node = Member(token.at, node, Literal(name.at, name.text), optional)
            else:
                raise self._unexpected("a name after the dot (other keys: ['any key'])")
        return node

    def _primary(self) -> Node:
        token = self._take()
        self._count(token.at)
        match token.kind:
            case "number":
                return Literal(token.at, _number(token))
            case "string":
                return Literal(token.at, unquote(token.text, token.at))
            case "duration":
                duration = parse_duration(token.text)
                if duration is None:
                    raise ExpressionError("value", f"{_shown(token)} is no duration of up to ten years", token.at)
                return Literal(token.at, duration)
            case "percent":
                return Literal(token.at, _finite(f"{token.text[:-1]}e-2", token))
            case "name":
                return self._named(token)
            case _:
                return self._bracketed(token)

    def _bracketed(self, token: Token) -> Node:
        if token.text in {"(", "{{"}:
            node = self._expression()
            self._expect(")" if token.text == "(" else "}}")
            return node
        if token.text == "[":
            return ListOf(token.at, tuple(self._items("]")))
        if token.text == "{":
            return self._object(token.at)
        raise ExpressionError("syntax", f"expected a value, found {_shown(token)}", token.at)

    def _named(self, token: Token) -> Node:
        if token.text in _CONSTANTS:
            return Literal(token.at, _CONSTANTS[token.text])
        if token.text in _RESERVED:
            raise ExpressionError("syntax", f"expected a value, found {_shown(token)}", token.at)
        if self._operator() != "(":
            return Name(token.at, token.text)
        self._take()
        if token.text in EACH:
            return self._each(token)
        arguments = tuple(self._items(")"))
        _check_call(token, arguments)
        return CallExpression(token.at, token.text, arguments)

    def _each(self, token: Token) -> Node:
        usage = f"{token.text}(list, name, expression)"
        items = self._expression()
        self._expect(",")
        variable = self._take()
        if variable.kind != "name" or variable.text in _RESERVED:
            raise ExpressionError("syntax", f"{usage}: the name of the item is missing", variable.at)
        if self._operator() != ",":
            raise ExpressionError("syntax", f"{usage}: the expression is missing", self._peek().at)
        self._take()
        body = self._expression()
        self._expect(")")
        return Each(token.at, token.text, items, variable.text, body)

    def _items(self, closing: str) -> list[Node]:
        found: list[Node] = []
        while self._operator() != closing:
            found.append(self._expression())
            if self._operator() != ",":
                break
            self._take()
        self._expect(closing)
        return found

    def _object(self, at: int) -> Node:
        fields: list[tuple[str, Node]] = []
        while self._operator() != "}":
            key = self._take()
            if key.kind not in {"name", "string"}:
                raise ExpressionError("syntax", f"expected a name, found {_shown(key)}", key.at)
            name = unquote(key.text, key.at) if key.kind == "string" else key.text
            if name in dict(fields):
                raise ExpressionError("syntax", f"{name!r} is there twice", key.at)
            self._expect(":")
            fields.append((name, self._expression()))
            if self._operator() != ",":
                break
            self._take()
        self._expect("}")
        return ObjectOf(at, tuple(fields))


def _has_negative(value: Value) -> bool:
    return type(value) in NUMBERS and value != -INT_LIMIT


def _number(token: Token) -> int | float:
    if not token.text.isdecimal():
        return _finite(token.text, token)
    number = int(token.text)
    if number >= INT_LIMIT:
        raise ExpressionError("limit", "integers have 64 bits", token.at)
    return number


def _finite(text: str, token: Token) -> float:
    value = float(text)
    if value == float("inf"):
        raise ExpressionError("limit", f"{_shown(token)} is too large", token.at)
    return value


def _shown(token: Token) -> str:
    """What stands there, as a message shows it."""
    if token.kind == "end":
        return token.text
    return repr(token.text if len(token.text) <= MAX_SHOWN else f"{token.text[:MAX_SHOWN]}…")


def _check_height(node: Node) -> None:
    level = [node]
    for _ in range(MAX_HEIGHT):
        level = [child for parent in level for child in children(parent)]
        if not level:
            return
    raise ExpressionError("limit", f"more than {MAX_HEIGHT} operators in a row", level[0].at)


def _check_call(token: Token, arguments: tuple[Node, ...]) -> None:
    function = FUNCTIONS.get(token.text)
    if function is None:
        hint = did_you_mean(token.text, [*FUNCTIONS, *EACH])
        raise ExpressionError("name", f"there is no function {_shown(token)}{hint}", token.at)
    if not function.least <= len(arguments) <= function.most:
        raise ExpressionError("syntax", f"write {function.usage}", token.at)
