"""Plots of a report as shapes with their places, which a template writes as SVG."""

from collections.abc import Sequence
from typing import NamedTuple

from towpath.contracts.core.wire import clip

ROW, BAR, FIGURE = 30, 16, 150
CHARACTER = 7.4
"""Width of a letter of a label."""
WIDE, HALF = 980, 480
"""Pixels of a plot over the whole page, and of one of two beside each other."""
BOX, GAP, LINE, HEAD = 210, 150, 22, 34


class Rectangle(NamedTuple):
    """`radius` rounds its corners."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    radius: float = 0


class PlotLabel(NamedTuple):
    text: str
    x: float
    y: float
    kind: str
    link: str = ""
    """Name of the element of the page that it leads to."""


class Curve(NamedTuple):
    path: str
    kind: str


class Drawing(NamedTuple):
    """Labels lie upon rectangles, and those upon curves.

    Of the kinds `wide` and `half` labels stay readable: a narrow page scrolls them, and shrinks all others.
    """

    title: str
    width: float
    height: float
    kind: str = ""
    rectangles: Sequence[Rectangle] = ()
    labels: Sequence[PlotLabel] = ()
    curves: Sequence[Curve] = ()


class Bar(NamedTuple):
    """A row of a bar chart, that begins at `start`: `rest` is stacked onto `value`, in the colour of what is bad."""

    label: str
    value: float
    figure: str
    rest: float = 0
    start: float = 0
    link: str = ""


class Port(NamedTuple):
    x: float
    y: float


def bars(title: str, rows: Sequence[Bar], width: int = HALF) -> Drawing:
    """Horizontal bars with label and figure; the longest ends the scale."""
    label = 14 + CHARACTER * max((len(row.label) for row in rows), default=0)
    room = width - label - FIGURE
    scale = room / (max((row.start + row.value + row.rest for row in rows), default=0) or 1)
    shapes: list[Rectangle] = []
    labels: list[PlotLabel] = []
    for number, row in enumerate(rows):
        top = number * ROW + (ROW - BAR) / 2
        middle = top + BAR / 2 + 4.5
        begin, long, rest = label + row.start * scale, row.value * scale, row.rest * scale
        labels.append(PlotLabel(row.label, _px(label - 12), middle, "label end"))
        labels.append(PlotLabel(row.figure, _px(label + room + 12), middle, "figure", row.link))
        shapes.append(Rectangle(_px(label), top, _px(room), BAR, "track", radius=3))
        if long:
            shapes.append(Rectangle(_px(begin), top, _px(max(long, 1.5)), BAR, "value", radius=3))
        if rest:
            shapes.append(Rectangle(_px(begin + long), top, _px(max(rest, 2)), BAR, "bad"))
    return Drawing(title, width, max(ROW * len(rows), 1), "half" if width == HALF else "wide", shapes, labels)


def histogram(title: str, counts: Sequence[int], width: int = 232, height: int = 56) -> Drawing:
    step, most = width / max(len(counts), 1), max(counts, default=0) or 1
    shapes = [Rectangle(0, height - 1, width, 1, "axis")]
    for number, count in enumerate(counts):
        tall = max(count / most * (height - 4), 1.5 if count else 0)
        x, y = _px(number * step + 0.75), _px(height - tall)
        shapes.append(Rectangle(x, y, _px(step - 1.5), _px(tall), "value"))
    return Drawing(title, width, height, rectangles=shapes)


def meter(title: str, share: float, mark: float) -> Drawing:
    """A share from 0 to 1, with a mark at what it should reach."""
    at = _px(min(max(mark, 0), 1) * WIDE)
    shapes = (
        Rectangle(0, 6, WIDE, 14, "track", radius=7),
        Rectangle(0, 6, _px(max(share * WIDE, 2)), 14, "good" if share >= mark else "bad", radius=7),
        Rectangle(_px(max(min(at, WIDE - 3) - 1.5, 0)), 0, 3, 26, "mark", radius=1.5),
    )
    return Drawing(title, WIDE, 26, rectangles=shapes)


class Graph:
    """Boxes with lines of text in columns from left to right, and curves between their lines."""

    def __init__(self) -> None:
        self._boxes: list[Rectangle] = []
        self._labels: list[PlotLabel] = []
        self._curves: list[Curve] = []
        self._bottom = [0.0, 0.0, 0.0]

    def box(self, column: int, title: str, lines: Sequence[str], note: str = "") -> dict[str, tuple[Port, Port]]:
        """The places on the left and the right of each line; those of the title are under an empty name."""
        x, y = column * (BOX + GAP) + 1.0, self._bottom[column] + 1
        height = HEAD + LINE * len(lines) + (8 if lines else 0) + (16 if note else 0)
        self._bottom[column] = y + height + 18
        title_at = y + 22
        self._boxes.append(Rectangle(x, y, BOX, height, "box", radius=8))
        self._labels.append(PlotLabel(clip(title, 26), x + 12, title_at, "title"))
        if note:
            self._labels.append(PlotLabel(clip(note, 32), x + 12, title_at + 17, "note"))
        begin = y + HEAD + (16 if note else 0)
        ports = {"": (Port(x, y + height / 2), Port(x + BOX, y + height / 2))}
        for number, line in enumerate(lines):
            middle = begin + number * LINE + LINE / 2
            self._labels.append(PlotLabel(clip(line, 28), x + 12, middle + 4.5, "label"))
            ports[line] = (Port(x, middle), Port(x + BOX, middle))
        return ports

    def curve(self, start: Port, end: Port, kind: str) -> None:
        bend = (end.x - start.x) / 2
        points = (start, Port(start.x + bend, start.y), Port(end.x - bend, end.y), end)
        first, *others = (f"{_px(point.x)} {_px(point.y)}" for point in points)
        self._curves.append(Curve(f"M{first}C{' '.join(others)}", kind))

    def drawing(self, title: str) -> Drawing:
        width, height = 3 * BOX + 2 * GAP + 2, max(self._bottom) - 16
        return Drawing(title, _px(width), _px(height), "wide", self._boxes, self._labels, self._curves)


def _px(value: float) -> float:
    return round(value, 1)
