"""Pages of A4 across, with a heading and a number on each: fonts in, something to write on out.

Lengths are millimetres, sizes of letters points. Black, one grey and white are all the ink there
is, so that a page says the same on any printer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from fpdf import FPDF

if TYPE_CHECKING:
    from datetime import datetime

    from scms.reports.fonts import Fonts

Align = Literal["L", "R", "C"]
BLACK: Final = 17
GREY: Final = 95
RULE: Final = 205
MARGIN: Final = 12.0
_TOP: Final = 18.0
_BOTTOM: Final = 14.0
_NOTE_SIZE: Final = 7.5
_NOTE_HEIGHT: Final = 10.0
#: The height of a line, in sizes of its letters.
_LEADING: Final = 1.32
_MM_PER_POINT: Final = 25.4 / 72
_TEXT: Final = "text"


class Pages(FPDF):
    """Pages that are written from top to bottom.

    Args:
        fonts: What it is written with.
        title: Stands over every page but the first, and in the properties of the file.
        note: Stands at the foot of the first page: what the words mean.
        made_at: The date of the file, so that the same report is the same file.
    """

    def __init__(self, fonts: Fonts, *, title: str, note: str, made_at: datetime) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4")
        self._fonts = fonts
        self._widths: dict[tuple[float, bool, str], float] = {}
        self._heading = fonts.readable(title)
        self._note = note
        self._family = _TEXT if fonts.regular is not None else "helvetica"
        self.set_margins(MARGIN, _TOP, MARGIN)
        self.set_auto_page_break(auto=False)
        self.set_creation_date(made_at)
        self.set_title(title)
        self.set_producer("SCMS")
        self.set_lang("en")
        self._load()

    def _load(self) -> None:
        fonts = self._fonts
        if fonts.regular is None:
            self.core_fonts_encoding = "windows-1252"
            return
        self.add_font(_TEXT, "", fonts.regular)
        self.add_font(_TEXT, "B", fonts.regular if fonts.bold is None else fonts.bold)
        for number, path in enumerate(fonts.others):
            self.add_font(f"other{number}", "", path)
        self.set_fallback_fonts(
            [f"other{number}" for number in range(len(fonts.others))], exact_match=False
        )

    def header(self) -> None:
        """What stands over every page but the first, which has a title."""
        if self.page_no() > 1:
            self.letters(8, ink=GREY)
            self.put(MARGIN, 7, self._heading)
            self.rule(13)
        self.set_y(_TOP)

    def footer(self) -> None:
        """The number of the page."""
        if self.page_no() == 1:
            self.letters(_NOTE_SIZE, ink=GREY)
            self.rule(self.h - _BOTTOM - _NOTE_HEIGHT + 2)
            self.set_y(self.h - _BOTTOM - _NOTE_HEIGHT + 3)
            self.paragraph(self._note)
        self.letters(8, ink=GREY)
        self.put(MARGIN, self.h - 10, f"{self.page_no()} / {{nb}}", width=self.epw, align="R")

    @property
    def room(self) -> float:
        """The height that is left on the page."""
        note = _NOTE_HEIGHT if self.page_no() == 1 else 0.0
        return float(self.h - _BOTTOM - note - self.y)

    def need(self, height: float) -> None:
        """Begin a new page where the height is not left on this one."""
        if self.room < height:
            self.add_page()

    def letters(self, size: float, *, bold: bool = False, ink: int = BLACK) -> None:
        """How the next words are written."""
        self.set_font(self._family, "B" if bold else "", size)
        self.set_text_color(ink)

    @property
    def leading(self) -> float:
        """The height of a line of the present letters."""
        return float(self.font_size_pt * _LEADING * _MM_PER_POINT)

    def put(
        self, x: float, y: float, text: str, *, width: float | None = None, align: Align = "L"
    ) -> None:
        """One line of text at a place; ``align`` is within ``width``."""
        self.set_xy(x, y)
        self.c_margin = 0
        self.cell(width, self.leading, self._fonts.readable(text), align=align)

    def paragraph(self, text: str, *, indent: float = 0.0, mark: str = "") -> None:
        """Lines over the width of the page, on the next page where this one ends."""
        size, bold, ink = self.font_size_pt, "B" in self.font_style, self.text_color
        for number, line in enumerate(self.wrapped(text, self.epw - indent)):
            if not self.in_footer and self.room < self.leading:
                self.add_page()
                self.letters(size, bold=bold)
                self.text_color = ink
            y = self.y
            if mark and number == 0:
                self.put(MARGIN, y, mark)
            self.put(MARGIN + indent, y, line)
            self.set_y(y + self.leading)

    def rule(
        self, y: float, *, ink: int = RULE, x: float = MARGIN, to: float | None = None
    ) -> None:
        """A thin line across."""
        self.set_draw_color(ink)
        self.set_line_width(0.2)
        self.line(x, y, self.w - MARGIN if to is None else to, y)

    def measure(self, text: str) -> float:
        """The width of a line in the present letters."""
        key = (self.font_size_pt, "B" in self.font_style, text)
        width = self._widths.get(key)
        if width is None:
            width = self._widths[key] = float(self.get_string_width(self._fonts.readable(text)))
        return width

    def wrapped(self, text: str, width: float) -> list[str]:
        """Lines that are no wider: broken between words, and inside those that are wider alone."""
        lines = [""]
        for word in self._fonts.readable(text).split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if self.measure(longer) <= width:
                lines[-1] = longer
                continue
            if lines[-1]:
                lines.append("")
            for sign in word:
                if lines[-1] and self.measure(lines[-1] + sign) > width:
                    lines.append("")
                lines[-1] += sign
        return lines

    def shortened(self, text: str, width: float) -> str:
        """The text on one line, its end left out where it is wider."""
        text = self._fonts.readable(text)
        if self.measure(text) <= width:
            return text
        while text and self.measure(f"{text}…") > width:
            text = text[:-1]
        return f"{text}…"
