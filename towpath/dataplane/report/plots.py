"""Plots of a report as inline SVG. Colours are classes of the page's sheet, so that they follow light and dark."""

from collections.abc import Sequence
from typing import NamedTuple

from towpath.dataplane.report.markup import Markup, tag, text

ROW, BAR, FIGURE = 30, 16, 150
CHARACTER = 7.4
"""Width of a letter of a label."""
WIDE, HALF = 980, 480
"""Pixels of a plot over the whole page, and of one of two beside each other."""
BOX, GAP, LINE, HEAD = 210, 150, 22, 34


class Bar(NamedTuple):
    """A row of a bar chart, that begins at `start`: `rest` is stacked onto `value`, in the colour of what is bad."""

    label: str
    value: float
    told: str
    rest: float = 0
    start: float = 0


class Port(NamedTuple):
    x: float
    y: float


def bars(title: str, rows: Sequence[Bar], width: int = HALF) -> Markup:
    """Horizontal bars with label and figure; the longest ends the scale."""
    label = 14 + CHARACTER * max((len(row.label) for row in rows), default=0)
    room = width - label - FIGURE
    scale = room / (max((row.start + row.value + row.rest for row in rows), default=0) or 1)
    drawn: list[Markup] = []
    for number, row in enumerate(rows):
        top = number * ROW + (ROW - BAR) / 2
        middle = top + BAR / 2 + 4.5
        begin, long, rest = label + row.start * scale, row.value * scale, row.rest * scale
        drawn.append(tag("text", text(row.label), x=_px(label - 12), y=middle, class_="label end"))
        drawn.append(tag("rect", x=_px(label), y=top, width=_px(room), height=BAR, rx=3, class_="track"))
        if long:
            drawn.append(tag("rect", x=_px(begin), y=top, width=_px(max(long, 1.5)), height=BAR, rx=3, class_="value"))
        if rest:
            drawn.append(tag("rect", x=_px(begin + long), y=top, width=_px(max(rest, 2)), height=BAR, class_="bad"))
        drawn.append(tag("text", text(row.told), x=_px(label + room + 12), y=middle, class_="figure"))
    return _svg(title, width, max(ROW * len(rows), 1), drawn, "half" if width == HALF else "wide")


def columns(title: str, counts: Sequence[int], width: int = 232, height: int = 56) -> Markup:
    """A histogram."""
    step, most = width / max(len(counts), 1), max(counts, default=0) or 1
    drawn = [tag("rect", x=0, y=height - 1, width=width, height=1, class_="axis")]
    for number, count in enumerate(counts):
        tall = max(count / most * (height - 4), 1.5 if count else 0)
        x, y = _px(number * step + 0.75), _px(height - tall)
        drawn.append(tag("rect", x=x, y=y, width=_px(step - 1.5), height=_px(tall), class_="value"))
    return _svg(title, width, height, drawn)


def meter(title: str, share: float, mark: float) -> Markup:
    """A share from 0 to 1, with a mark at what it should reach."""
    good = "good" if share >= mark else "bad"
    at = _px(min(max(mark, 0), 1) * WIDE)
    drawn = [
        tag("rect", x=0, y=6, width=WIDE, height=14, rx=7, class_="track"),
        tag("rect", x=0, y=6, width=_px(max(share * WIDE, 2)), height=14, rx=7, class_=good),
        tag("rect", x=_px(max(min(at, WIDE - 3) - 1.5, 0)), y=0, width=3, height=26, rx=1.5, class_="mark"),
    ]
    return _svg(title, WIDE, 26, drawn)


class Graph:
    """Boxes with lines of text in columns from left to right, and curves between their lines."""

    def __init__(self) -> None:
        self._boxes: list[Markup] = []
        self._curves: list[Markup] = []
        self._bottom = [0.0, 0.0, 0.0]

    def box(self, column: int, title: str, lines: Sequence[str], note: str = "") -> dict[str, tuple[Port, Port]]:
        """The places on the left and the right of each line; those of the title are under an empty name."""
        x, y = column * (BOX + GAP) + 1.0, self._bottom[column] + 1
        height = HEAD + LINE * len(lines) + (8 if lines else 0) + (16 if note else 0)
        self._bottom[column] = y + height + 18
        title_at = y + 22
        self._boxes.append(tag("rect", x=x, y=y, width=BOX, height=height, rx=8, class_="box"))
        self._boxes.append(tag("text", text(_cut(title, 26)), x=x + 12, y=title_at, class_="title"))
        if note:
            self._boxes.append(tag("text", text(_cut(note, 32)), x=x + 12, y=title_at + 17, class_="note"))
        begin = y + HEAD + (16 if note else 0)
        ports = {"": (Port(x, y + height / 2), Port(x + BOX, y + height / 2))}
        for number, line in enumerate(lines):
            middle = begin + number * LINE + LINE / 2
            self._boxes.append(tag("text", text(_cut(line, 28)), x=x + 12, y=middle + 4.5, class_="label"))
            ports[line] = (Port(x, middle), Port(x + BOX, middle))
        return ports

    def curve(self, start: Port, end: Port, kind: str) -> None:
        bend = (end.x - start.x) / 2
        points = (start, Port(start.x + bend, start.y), Port(end.x - bend, end.y), end)
        first, *others = (f"{_px(point.x)} {_px(point.y)}" for point in points)
        path = f"M{first}C{' '.join(others)}"
        self._curves.append(tag("path", d=path, class_=f"edge {kind}"))

    def svg(self, title: str) -> Markup:
        return _svg(title, 3 * BOX + 2 * GAP + 2, max(self._bottom) - 16, [*self._curves, *self._boxes], "wide")


def _svg(title: str, width: float, height: float, drawn: Sequence[Markup], kind: str | None = None) -> Markup:
    """Of the kinds `wide` and `half` labels stay readable: a narrow page scrolls them, and shrinks all others."""
    box = f"0 0 {_px(width)} {_px(height)}"
    return tag("svg", tag("title", text(title)), *drawn, viewBox=box, role="img", class_=kind)


def _cut(value: str, most: int) -> str:
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _px(value: float) -> float:
    return round(value, 1)
