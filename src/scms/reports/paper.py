"""A report on paper: document in, PDF bytes out.

First what to take home: title, coverage, headline figures and findings; then pictures, then every
table. The same report and the same fonts give the same bytes.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from scms.reports import drawing, present, ruled
from scms.reports.contents import contents
from scms.reports.drawing import Box, Layer
from scms.reports.fonts import choose
from scms.reports.plain import subtitle
from scms.reports.printing import BLACK, GREY, MARGIN, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from scms.reports.document import Headline, Report

_MOST_BARS: Final = 24
_GPU_LAYERS: Final[tuple[tuple[str, str, drawing.Fill], ...]] = (
    ("gpu_hours_used", "used", "dark"),
    ("gpu_hours_idle_held", "held without work", "hatched"),
    ("gpu_hours_free", "free", "light"),
)
_CPU_LAYERS: Final[tuple[tuple[str, str, drawing.Fill], ...]] = (
    ("cpu_hours_used", "CPU-hours used", "dark"),
)
#: What the words mean; the whole is in docs/reference/metrics.md.
_NOTE: Final = (
    "Used: busy. Held idle: memory held without work. Use: used time over available time, which is "
    "observed time neither faulty nor unknown. Observed: the share of the elapsed time that was "
    "watched; the rest counts neither as used nor as free. – stands for unknown, × in a picture "
    "for nothing observed."
)


def paper(report: Report, *, folders: Sequence[Path] | None = None) -> bytes:
    """The report as a PDF of A4 pages.

    Args:
        report: What to write.
        folders: Where fonts are looked for; by default where the system keeps them.
    """
    fonts = choose("".join(chain(_NOTE, "•…×", *_words(report))), folders)
    title = f"{report.name}: {report.period.title}"
    pages = Pages(fonts, title=title, note=_NOTE, made_at=report.made_at)
    pages.add_page()
    _opening(pages, report, title)
    _findings(pages, report)
    _pictures(pages, report)
    for content in contents(report):
        ruled.table(pages, content)
    return bytes(pages.output())


def _words(report: Report) -> Iterator[str]:
    """Everything that is written from outside: names, titles and sentences."""
    yield from (report.name, report.period.title, subtitle(report), report.simulated)
    for found in report.findings:
        yield found.sentence
    for content in contents(report):
        yield content.title
        yield from (column.heading + column.unit for column in content.columns)
        yield from chain.from_iterable(content.texts())


def _opening(pages: Pages, report: Report, title: str) -> None:
    pages.set_y(MARGIN)
    pages.letters(19, bold=True)
    pages.paragraph(title)
    pages.letters(9.5, ink=GREY)
    pages.paragraph(subtitle(report))
    if report.simulated:
        pages.letters(9.5, bold=True)
        pages.paragraph(report.simulated)
    pages.set_y(pages.y + 4)
    _cards(pages, report.headlines)


def _cards(pages: Pages, headlines: Sequence[Headline]) -> None:
    """The numbers on top, side by side."""
    gap, height = 3.0, 25.0
    width = (pages.epw - gap * (len(headlines) - 1)) / len(headlines)
    top = pages.y
    for number, item in enumerate(headlines):
        x = MARGIN + number * (width + gap)
        pages.set_draw_color(GREY)
        pages.set_line_width(0.2)
        pages.rect(x, top, width, height, round_corners=True, corner_radius=1.5)
        inner = width - 5
        pages.letters(8, ink=GREY)
        pages.put(x + 2.5, top + 2, pages.shortened(item.label, inner))
        pages.letters(14 if len(item.value) < 10 else 11, bold=True)
        pages.put(x + 2.5, top + 6.2, item.value)
        pages.letters(7, ink=GREY)
        for line, text in enumerate(pages.wrapped(item.detail, inner)[:3]):
            pages.put(x + 2.5, top + 13.2 + line * pages.leading, text)
    pages.set_y(top + height + 6)


def _findings(pages: Pages, report: Report) -> None:
    if not report.findings:
        return
    ruled.title(pages, "What stands out")
    for found in report.findings:
        pages.letters(9.5, ink=BLACK)
        pages.paragraph(found.sentence, indent=5, mark="•")
        pages.set_y(pages.y + 1)
    pages.set_y(pages.y + 4)


def _pictures(pages: Pages, report: Report) -> None:
    by = report.time_dimension
    frame = report.tables[by]
    layers, unit = _layers(frame)
    if layers:
        height = 62.0
        pages.need(height + 10)
        ruled.title(pages, f"{unit} by {by}", "what was not observed is left out")
        top = pages.y
        labels = [present.key_label(key, by) for key in frame[by]]
        drawing.columns(pages, Box(MARGIN, top, pages.epw, height), labels, layers)
        pages.set_y(top + height + 5)
    for by, few in (("server", "the most used"), ("user", "who used most")):
        _ranking(pages, report.tables[by], by, few)


def _ranking(pages: Pages, frame: pd.DataFrame, by: str, few: str) -> None:
    """Bars per server or user, the first of the table."""
    drawable = frame[frame[_first_known(frame)].notna()]
    shown = drawable.head(_MOST_BARS)
    layers, unit = _layers(shown)
    if not layers:
        return
    height = 7 + 6.0 * len(shown)
    pages.need(height + 12)
    remark = f"{few} of {len(drawable)}" if len(drawable) > len(shown) else ""
    ruled.title(pages, f"{unit} by {by}", remark)
    top = pages.y
    labels = [_label(row, by) for row in present.rows_of(shown)]
    drawing.bars(pages, Box(MARGIN, top, pages.epw, height), labels, layers)
    pages.set_y(top + height + 5)


def _label(row: dict[str, object], by: str) -> str:
    mark = present.simulated_mark(row, by)
    return present.key_label(row[by], by) + (f" ({mark})" if mark else "")


def _first_known(frame: pd.DataFrame) -> str:
    return "gpu_hours_used" if frame["gpu_hours_used"].notna().any() else "cpu_hours_used"


def _layers(frame: pd.DataFrame) -> tuple[list[Layer], str]:
    """The layers that have anything in them: GPU time, or CPU time where there is no GPU."""
    chosen, unit = _GPU_LAYERS, "GPU-hours"
    if not frame["gpu_hours_used"].notna().any():
        chosen, unit = _CPU_LAYERS, "CPU-hours"
    rows = present.rows_of(frame)
    layers = [
        Layer(name, fill, [row[column] for row in rows])
        for column, name, fill in chosen
        if column in frame.columns and frame[column].notna().any()
    ]
    return layers, unit
