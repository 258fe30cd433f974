"""Pictures on paper: numbers and a place on a page in, lines and areas out.

Three fillings tell apart what was used (dark), held without work (hatched) and free (white with an
outline), on a screen, on paper and on a copy. What was not observed is left empty and crossed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from scms.reports.printing import BLACK, GREY, RULE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.reports.printing import Pages

Fill = Literal["dark", "hatched", "light"]
_DARK: Final = (38, 78, 150)
_HATCH: Final = 1.1
_LABELS: Final = 7.5
_STEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A place on a page."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of every bar: what it is called, how it is filled, and its lengths."""

    name: str
    fill: Fill
    values: Sequence[float | None]


def columns(pages: Pages, box: Box, labels: Sequence[str], layers: Sequence[Layer]) -> None:
    """Bars side by side, their layers stacked, with an axis of numbers at the left."""
    pages.letters(_LABELS, ink=GREY)
    highest = _nice(max(_sums(layers), default=0.0))
    left = max(pages.measure(_number(highest)), 6) + 2
    plot = Box(box.x + left, box.y + 7, box.width - left, box.height - 13)
    _legend(pages, plot.x, box.y, layers)
    for step in range(_STEPS + 1):
        y = plot.y + plot.height * (1 - step / _STEPS)
        pages.rule(y, ink=RULE if step else GREY, x=plot.x, to=plot.x + plot.width)
        pages.letters(_LABELS, ink=GREY)
        text = _number(highest * step / _STEPS)
        pages.put(box.x, y - pages.leading / 2, text, width=left - 2, align="R")
    slot = plot.width / max(len(labels), 1)
    every = _every(pages, labels, slot)
    for number, label in enumerate(labels):
        x, y = plot.x + number * slot, plot.y + plot.height
        for layer in layers:
            height = plot.height * (layer.values[number] or 0.0) / highest
            y -= height
            area(pages, Box(x + slot * 0.13, y, slot * 0.74, height), layer.fill)
        if all(layer.values[number] is None for layer in layers):
            _cross(pages, Box(x + slot / 2 - 1, plot.y + plot.height - 2.6, 2, 2))
        pages.letters(_LABELS, ink=GREY)
        beyond = x + (slot + pages.measure(label)) / 2 > box.x + box.width + 2
        if number % every == 0 and not beyond:
            pages.put(x, plot.y + plot.height + 1, label, width=slot, align="C")


def bars(pages: Pages, box: Box, labels: Sequence[str], layers: Sequence[Layer]) -> None:
    """Bars from top to bottom, their layers in a row, with the sum at their ends."""
    pages.letters(_LABELS)
    left = min(max((pages.measure(label) for label in labels), default=0.0), box.width * 0.34) + 2
    right = 14.0
    _legend(pages, box.x + left, box.y, layers)
    longest = max(_sums(layers), default=0.0) or 1.0
    slot = min((box.height - 7) / max(len(labels), 1), 6.0)
    for number, (label, total) in enumerate(zip(labels, _sums(layers), strict=True)):
        x, y = box.x + left, box.y + 7 + number * slot
        pages.letters(_LABELS)
        text = pages.shortened(label, left - 2)
        pages.put(box.x, y + (slot - pages.leading) / 2, text, width=left - 2, align="R")
        for layer in layers:
            width = (box.width - left - right) * (layer.values[number] or 0.0) / longest
            area(pages, Box(x, y + slot * 0.15, width, slot * 0.7), layer.fill)
            x += width
        pages.letters(_LABELS, ink=GREY)
        pages.put(x + 1.5, y + (slot - pages.leading) / 2, _number(total))


def heat(
    pages: Pages,
    box: Box,
    rows: Sequence[str],
    heads: Sequence[str],
    values: Sequence[Sequence[float | None]],
) -> None:
    """A grid of ratios: the darker the more; crossed where nothing was observed."""
    pages.letters(_LABELS)
    left = min(max((pages.measure(row) for row in rows), default=0.0), 45.0) + 2
    slot = (box.width - left) / max(len(heads), 1)
    height = min((box.height - 5) / max(len(rows), 1), 6.0)
    every = _every(pages, heads, slot)
    for number, head in enumerate(heads):
        pages.letters(_LABELS, ink=GREY)
        x, width = box.x + left + number * slot, pages.measure(head)
        beyond = x + (slot + width) / 2 > box.x + box.width + 2
        if number % every == 0 and not beyond:
            pages.put(x, box.y, head, width=slot, align="C")
    for line, (row, cells) in enumerate(zip(rows, values, strict=True)):
        y = box.y + 5 + line * height
        pages.letters(_LABELS)
        text = pages.shortened(row, left - 2)
        pages.put(box.x, y + (height - pages.leading) / 2, text, width=left - 2, align="R")
        for number, value in enumerate(cells):
            cell = Box(box.x + left + number * slot, y, slot, height)
            if value is None:
                _cross(pages, Box(cell.x + slot / 2 - 0.7, y + height / 2 - 0.7, 1.4, 1.4))
            else:
                shade = round(255 - 215 * min(max(value, 0.0), 1.0))
                pages.set_fill_color(shade)
                pages.set_draw_color(RULE)
                pages.set_line_width(0.1)
                pages.rect(cell.x, cell.y, cell.width, cell.height, style="DF")


def area(pages: Pages, box: Box, fill: Fill) -> None:
    """A filled rectangle; nothing where it has no extent."""
    if box.width < 0.02 or box.height < 0.02:
        return
    pages.set_line_width(0.15)
    pages.set_draw_color(*_DARK)
    if fill == "dark":
        pages.set_fill_color(*_DARK)
        pages.rect(box.x, box.y, box.width, box.height, style="F")
        return
    pages.set_fill_color(255)
    pages.rect(box.x, box.y, box.width, box.height, style="DF")
    if fill == "hatched":
        with pages.rect_clip(box.x, box.y, box.width, box.height):
            # On one grid for the whole page, so that neighbours match.
            first = math.floor((box.x + box.y) / _HATCH)
            last = math.ceil((box.x + box.width + box.y + box.height) / _HATCH)
            for number in range(first, last + 1):
                total = number * _HATCH
                low, high = box.y, box.y + box.height
                pages.line(total - low, low, total - high, high)


def _legend(pages: Pages, x: float, y: float, layers: Sequence[Layer]) -> None:
    for layer in layers:
        area(pages, Box(x, y + 0.6, 3.2, 2.6), layer.fill)
        pages.letters(_LABELS, ink=BLACK)
        pages.put(x + 4.4, y, layer.name)
        x += 4.4 + pages.measure(layer.name) + 6


def _cross(pages: Pages, box: Box) -> None:
    pages.set_draw_color(GREY)
    pages.set_line_width(0.15)
    pages.line(box.x, box.y, box.x + box.width, box.y + box.height)
    pages.line(box.x, box.y + box.height, box.x + box.width, box.y)


def _sums(layers: Sequence[Layer]) -> list[float]:
    values = zip(*(layer.values for layer in layers), strict=True)
    return [sum(value or 0.0 for value in parts) for parts in values]


def _every(pages: Pages, labels: Sequence[str], slot: float) -> int:
    """Every how many-th label has room."""
    widest = max((pages.measure(label) for label in labels), default=0.0) + 2
    return max(1, math.ceil(widest / slot))


def _nice(highest: float) -> float:
    """The least number not below that divides well into the steps of an axis."""
    if highest <= 0:
        return float(_STEPS)
    scale = 10.0 ** math.floor(math.log10(highest))
    for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12):
        if factor * scale >= highest * (1 - 1e-9):
            return factor * scale
    return 20 * scale


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
