"""Drawings as inline SVG, made without a script: curves, points, bars. Colours are classes of the report's style."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from flowml.domain.wording import number, shortened

_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 44
_SERIES = 6
_MOST_TICKS = 6
_ROW = 22
_LONGEST_LABEL = 26

Format = Callable[[float], str]


def in_percent(value: float) -> str:
    """
    >>> in_percent(0.25)
    '25'
    """
    return number(round(value * 100, 4))


@dataclass(frozen=True)
class Axis:
    """What is written along an edge; the range that it shows, smallest first, or the other way round."""

    label: str
    low: float
    high: float
    format: Format = number
    log: bool = False

    def ticks(self) -> list[float]:
        """Round values within the range.

        >>> Axis("x", 0.0, 1.0).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        low, high = min(self.low, self.high), max(self.low, self.high)
        if self.log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            return [10.0**power for power in range(first, last + 1) if low <= 10.0**power <= high]
        step = _round_step((high - low) / _MOST_TICKS)
        first = math.ceil(low / step - 1e-9)
        return [round(at * step, 12) for at in range(first, math.floor(high / step + 1e-9) + 1)]

    def share(self, value: float) -> float:
        """How far along a value lies, 0 to 1."""
        if self.log:
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(value)
            return (value - low) / (high - low)
        return (value - self.low) / (self.high - self.low)


def axis(label: str, values: Sequence[float], form: Format = number, *, log: bool = False) -> Axis:
    """An axis with a little room around these values."""
    low, high = min(values), max(values)
    if log:
        return Axis(label, low / 1.3, high * 1.3, form, True)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(label, low - room, high + room, form)


@dataclass
class Plot:
    """A plot between two axes, to which marks are added."""

    title: str
    x: Axis
    y: Axis
    marks: list[Markup] = field(default_factory=list)
    legend: list[str] = field(default_factory=list)

    def line(self, xs: Sequence[float], ys: Sequence[float], series: int = 0, label: str = "") -> "Plot":
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        self.marks.append(Markup('<polyline class="line s{}" points="{}"/>').format(series % _SERIES, points))
        if label:
            self.legend.append(label)
        return self

    def guide(self, xs: Sequence[float], ys: Sequence[float]) -> "Plot":
        """A dashed line."""
        (x1, x2), (y1, y2) = map(self._x, xs), map(self._y, ys)
        line = Markup('<line class="guide" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
        self.marks.append(line.format(x1, y1, x2, y2))
        return self

    def dot(self, x: float, y: float, label: str, series: int = 0, radius: float = 3.5) -> "Plot":
        dot = Markup('<circle class="dot s{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>')
        self.marks.append(dot.format(series % _SERIES, self._x(x), self._y(y), radius, label))
        return self

    def bar(self, low: float, high: float, value: float, label: str) -> "Plot":
        """Upright, between two places of the x axis."""
        left, right, top = self._x(low), self._x(high), self._y(value)
        bar = Markup(
            '<rect class="bar s0" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
        )
        self.marks.append(bar.format(left + 0.5, top, max(0.5, right - left - 1), max(0.0, self._y(0) - top), label))
        return self

    def svg(self) -> Markup:
        parts = [_opening(self.title, _HEIGHT + 16 * math.ceil(len(self.legend) / 3))]
        for tick in self.x.ticks():
            at = self._x(tick)
            parts.append(
                Markup('<line class="grid" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>').format(
                    at, _TOP, _HEIGHT - _BOTTOM
                )
            )
            parts.append(_text(at, _HEIGHT - _BOTTOM + 16, self.x.format(tick), "middle"))
        for tick in self.y.ticks():
            at = self._y(tick)
            parts.append(
                Markup('<line class="grid" x1="{1}" y1="{0:.1f}" x2="{2}" y2="{0:.1f}"/>').format(
                    at, _LEFT, _WIDTH - _RIGHT
                )
            )
            parts.append(_text(_LEFT - 6, at + 4, self.y.format(tick), "end"))
        parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 8, self.x.label, "end"))
        turned = Markup('<text class="axis" transform="translate(13 {}) rotate(-90)" text-anchor="middle">{}</text>')
        parts.append(turned.format((_TOP + _HEIGHT - _BOTTOM) / 2, self.y.label))
        for at, label in enumerate(self.legend):
            x, y = _LEFT + 134 * (at % 3), _HEIGHT + 12 + 16 * (at // 3)
            parts.append(
                Markup('<rect class="bar s{}" x="{}" y="{}" width="9" height="9"/>').format(at % _SERIES, x, y - 9)
            )
            parts.append(_text(x + 14, y, shortened(label, 18), "start"))
        return Markup("").join([*parts, *self.marks, Markup("</svg>")])

    def _x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * self.x.share(value)

    def _y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * self.y.share(value)


def bars(title: str, items: Sequence[tuple[str, float, float]], label: str, form: Format = number) -> Markup:
    """Lying bars: name, value, and how far it may be off to either side."""
    left = 24 + 6.4 * max(len(shortened(name, _LONGEST_LABEL)) for name, _, _ in items)
    height = 10 + _ROW * len(items) + 36
    low = min(0.0, *(value for _, value, _ in items))
    high = max(value + spread for _, value, spread in items)
    across = Axis(label, low, high if high > low else low + 1, form)

    def at(value: float) -> float:
        return left + (_WIDTH - left - 34) * across.share(value)

    parts = [_opening(title, height)]
    for tick in across.ticks():
        line = Markup('<line class="grid" x1="{0:.1f}" y1="4" x2="{0:.1f}" y2="{1}"/>')
        parts.append(line.format(at(tick), height - 34))
        parts.append(_text(at(tick), height - 20, form(tick), "middle"))
    for place, (name, value, spread) in enumerate(items):
        y = 8 + _ROW * place
        start, end = sorted((at(0.0), at(value)))
        parts.append(_text(left - 8, y + 12, shortened(name, _LONGEST_LABEL), "end"))
        bar = Markup('<rect class="bar s0" x="{:.1f}" y="{}" width="{:.1f}" height="14"><title>{}</title></rect>')
        parts.append(bar.format(start, y, end - start, f"{name}: {form(value)} ± {form(spread)}"))
        if spread > 0:
            line = Markup('<line class="spread" x1="{:.1f}" y1="{y}" x2="{:.1f}" y2="{y}"/>')
            parts.append(line.format(at(max(low, value - spread)), at(value + spread), y=y + 7))
    parts.append(_text(_WIDTH - 6, height - 4, label, "end"))
    return Markup("").join([*parts, Markup("</svg>")])


def _opening(title: str, height: float) -> Markup:
    return Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">').format(_WIDTH, height, title)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, escape(text)
    )


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * unit for unit in (1, 2, 5, 10) if power * unit >= rough * (1 - 1e-9))
