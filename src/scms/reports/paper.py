"""A report on paper: document in, PDF bytes out.

First what to take home: title, coverage, headline figures and findings; then pictures, then every
table. The same report and the same fonts give the same bytes.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from scms.reports import illustrations, ruled
from scms.reports.contents import contents
from scms.reports.fonts import choose
from scms.reports.plain import subtitle
from scms.reports.printing import BLACK, GREY, MARGIN, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scms.reports.document import Headline, Report

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
    illustrations.draw(pages, report)
    for content in contents(report):
        ruled.table(pages, content)
    return bytes(pages.output())


def _words(report: Report) -> Iterator[str]:
    """Everything that is written from outside: names, titles and sentences."""
    yield from (report.name, report.period.title, subtitle(report), report.simulated)
    for found in report.findings:
        yield found.sentence
    for content in contents(report):
        yield content.title + content.note
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
