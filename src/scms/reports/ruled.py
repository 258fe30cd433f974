"""Tables on paper: a table of a report and pages in, rows under a heading on every page out.

Columns are as wide as what is in them. Where that is more than the page has, letters get smaller,
and then columns of text are narrowed and their cells take more lines: nothing is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports.printing import BLACK, GREY, MARGIN, RULE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.reports.contents import Content
    from scms.reports.present import Column
    from scms.reports.printing import Align, Pages

_SIZES: Final = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0)
_GAP: Final = 3.2
_NARROWEST: Final = 9.0
_PADDING: Final = 0.7
#: A longer table is for a spreadsheet; on paper its first rows stand, and how many there are.
_MOST_ROWS: Final = 300

Cells = list[list[str]]


def table(pages: Pages, content: Content) -> None:
    """A heading, then the rows; the columns' headings stand on every page again."""
    everything = content.texts()
    texts = everything[:_MOST_ROWS]
    size, widths = _layout(pages, content.columns, texts)
    pages.need(40)
    count = f"{len(everything)} rows" if len(everything) > 12 else ""
    title(pages, content.title, " · ".join(part for part in (count, content.note) if part))
    _headings(pages, content.columns, widths, size)
    for cells in texts:
        lines = _lines(pages, cells, widths, size)
        height = max(len(part) for part in lines) * pages.leading + 2 * _PADDING
        if pages.room < height:
            pages.add_page()
            _headings(pages, content.columns, widths, size)
        _row(pages, content.columns, widths, lines, size)
        pages.set_y(pages.y + height)
        pages.rule(pages.y, ink=RULE, to=_end(widths))
    if len(everything) > len(texts):
        pages.letters(_SIZES[0], ink=GREY)
        pages.paragraph(
            f"The first {len(texts)} of {len(everything)} rows; all are in the forms .xlsx, .csv "
            "and .json."
        )
    pages.set_y(pages.y + 5)


def title(pages: Pages, text: str, remark: str = "") -> None:
    """The heading over a table or a picture."""
    pages.start_section(text)
    pages.letters(11, bold=True)
    y, width = pages.y, pages.measure(text)
    pages.put(MARGIN, y, text)
    height = pages.leading
    if remark:
        pages.letters(8.5, ink=GREY)
        pages.put(MARGIN + width + 3, y + 0.9, remark)
    pages.set_y(y + height + 1.5)


def _layout(pages: Pages, columns: Sequence[Column], texts: Cells) -> tuple[float, list[float]]:
    """The size of the letters and the widths of the columns."""
    room = pages.epw - _GAP * (len(columns) - 1)
    for size in _SIZES:
        widths = _natural(pages, columns, texts, size)
        if sum(widths) <= room:
            break
    if sum(widths) > room:
        return size, _squeezed(widths, room)
    spare = (room - sum(widths)) / len(widths)
    return size, [width + min(spare, 8.0) for width in widths]


def _natural(pages: Pages, columns: Sequence[Column], texts: Cells, size: float) -> list[float]:
    pages.letters(size, bold=True)
    heads = [max(pages.measure(word) for word in _words(column)) for column in columns]
    first = [max((pages.measure(cells[0]) for cells in texts), default=0.0)]
    pages.letters(size)
    rest = [
        max((pages.measure(cells[n]) for cells in texts), default=0.0)
        for n in range(1, len(columns))
    ]
    cells = [*first, *rest]
    return [max(head, cell, _NARROWEST) for head, cell in zip(heads, cells, strict=True)]


def _squeezed(widths: list[float], room: float) -> list[float]:
    """The widest columns cut to one width, so that all fit."""
    low, high = 0.0, max(widths)
    for _ in range(40):
        middle = (low + high) / 2
        if sum(min(width, middle) for width in widths) > room:
            high = middle
        else:
            low = middle
    return [min(width, low) for width in widths]


def _lines(pages: Pages, cells: list[str], widths: list[float], size: float) -> Cells:
    """The cells of a row as lines; the first of a row is bold."""
    pages.letters(size, bold=True)
    first = pages.wrapped(cells[0], widths[0])
    pages.letters(size)
    rest = zip(cells[1:], widths[1:], strict=True)
    return [first, *(pages.wrapped(text, width) for text, width in rest)]


def _words(column: Column) -> list[str]:
    words = column.heading.split()
    return [*words, column.unit] if column.unit else words


def _headings(
    pages: Pages, columns: Sequence[Column], widths: Sequence[float], size: float
) -> None:
    pages.letters(size, bold=True)
    lines = []
    for column, width in zip(columns, widths, strict=True):
        part = pages.wrapped(column.heading, width)
        lines.append([*part, column.unit] if column.unit else part)
    most = max(len(part) for part in lines)
    # Headings stand on the line below them.
    lines = [[""] * (most - len(part)) + part for part in lines]
    y = pages.y
    _cells(pages, columns, widths, lines)
    pages.set_y(y + most * pages.leading + 2 * _PADDING)
    pages.rule(pages.y, ink=BLACK, to=_end(widths))


def _end(widths: Sequence[float]) -> float:
    """Where the last column ends."""
    return MARGIN + sum(widths) + _GAP * (len(widths) - 1)


def _row(
    pages: Pages, columns: Sequence[Column], widths: Sequence[float], lines: Cells, size: float
) -> None:
    y = pages.y
    pages.letters(size, bold=True)
    _cells(pages, columns[:1], widths[:1], lines[:1])
    pages.letters(size)
    pages.set_y(y)
    _cells(pages, columns[1:], widths[1:], lines[1:], x=MARGIN + widths[0] + _GAP)
    pages.set_y(y)


def _cells(
    pages: Pages,
    columns: Sequence[Column],
    widths: Sequence[float],
    lines: Cells,
    *,
    x: float = MARGIN,
) -> None:
    y = pages.y
    for column, width, part in zip(columns, widths, lines, strict=True):
        align: Align = "L" if column.kind == "text" else "R"
        for number, text in enumerate(part):
            pages.put(x, y + _PADDING + number * pages.leading, text, width=width, align=align)
        x += width + _GAP
    pages.set_y(y)
