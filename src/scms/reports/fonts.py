"""Fonts for paper: the text of a document in, the font files that can write it out.

A name must survive on paper. The installed fonts are searched in the folders where systems keep
them; those that are needed for the signs of this very text are chosen. What no font has, or where
there is no font at all, is written as its code point: ``[U+4E2D]``.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Regular and bold faces of a text font, the best first.
_TEXT_FACES: Final = (
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
)
#: Parts of file names, the best first, of fonts that have what a text font has not.
_WIDE: Final = (
    *("dejavusans.", "notosanscjk-regular", "sourcehansans", "wqy", "droidsansfallback"),
    *("msyh", "simsun", "pingfang", "hiragino", "arialuni", "arial unicode"),
    *("notosanssymbols", "notosansmath-regular", "notoemoji"),
)
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})
#: Faces that come last, and those that have pictures in place of outlines.
_ODD: Final = ("bold", "italic", "oblique", "mono", "serif", "condensed", "light")
_PICTURES: Final = "color"
_MOST_OPENED: Final = 60
_MOST_LISTED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Fonts:
    """The fonts for a text.

    Attributes:
        regular: The text font; None where there is none, and Helvetica of the PDF reader is used.
        bold: Its bold face.
        others: Further fonts, for signs that it lacks.
        signs: The code points that can be written.
    """

    regular: Path | None
    bold: Path | None
    others: tuple[Path, ...]
    signs: frozenset[int]

    def readable(self, text: str) -> str:
        """The text with code points in place of the signs that no font has.

        >>> Fonts(None, None, (), core_signs()).readable("Zoë – 王")
        'Zoë – [U+738B]'
        """
        line = " ".join(text.split())
        if all(ord(sign) in self.signs for sign in line):
            return line
        return "".join(c if ord(c) in self.signs else f"[U+{ord(c):04X}]" for c in line)


def choose(text: str, folders: Sequence[Path] | None = None) -> Fonts:
    """The fonts that write a text.

    Args:
        text: Every sign that is to be written.
        folders: Where to look; by default where systems keep fonts.
    """
    there = installed(tuple(font_folders() if folders is None else folders))
    wanted = frozenset(ord(sign) for sign in text if not sign.isspace()) | {ord(" ")}
    regular, bold = _text_faces(there)
    if regular is None:
        return Fonts(None, None, (), core_signs())
    signs = signs_of(regular)
    others = []
    missing = wanted - signs
    for path in _by_preference(there, missing)[:_MOST_OPENED] if missing else ():
        more = signs_of(path) & missing
        if more:
            others.append(path)
            signs, missing = signs | more, missing - more
        if not missing:
            break
    return Fonts(regular, bold, tuple(others), signs)


def core_signs() -> frozenset[int]:
    """What the fonts that every PDF reader has can write: Windows-1252."""
    decoded = bytes(range(32, 256)).decode("cp1252", errors="ignore")
    return frozenset(ord(sign) for sign in decoded)


def font_folders() -> list[Path]:
    """Where this system keeps fonts."""
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    data = os.environ.get("XDG_DATA_HOME")
    own = Path(data) if data else home / ".local/share"
    return [
        own / "fonts",
        home / ".fonts",
        Path("/usr/local/share/fonts"),
        Path("/usr/share/fonts"),
    ]


@cache
def installed(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Every font file of the folders, in order."""
    found: list[Path] = []
    for folder in folders:
        for directory, _, names in os.walk(folder):
            paths = (Path(directory, name) for name in names)
            found += [path for path in paths if path.suffix.lower() in _SUFFIXES]
            if len(found) > _MOST_LISTED:
                break
    return tuple(sorted(found))


@cache
def signs_of(path: Path) -> frozenset[int]:
    """The code points that a font file has outlines for; none where it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, fontNumber=0, lazy=True) as font:
            if "glyf" not in font and "CFF " not in font:
                return frozenset()
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError, KeyError, AssertionError, ValueError):
        return frozenset()  # a damaged font is no font


def _text_faces(there: Iterable[Path]) -> tuple[Path | None, Path | None]:
    by_name = {path.name: path for path in reversed(tuple(there))}
    for regular, bold in _TEXT_FACES:
        if regular in by_name and signs_of(by_name[regular]):
            return by_name[regular], by_name.get(bold)
    return None, None


def _by_preference(there: Iterable[Path], missing: Iterable[int]) -> list[Path]:
    """Fonts that may have the missing signs: well-known ones, then those named after a script."""
    scripts = {unicodedata.name(chr(sign), "").partition(" ")[0].lower() for sign in missing}
    parts = (*_WIDE, *sorted(scripts - {""}))
    ranked = []
    for path in there:
        name = path.name.lower()
        known = next((n for n, part in enumerate(parts) if part in name), None)
        if known is not None and _PICTURES not in name:
            odd = any(word in name for word in _ODD)
            ranked.append((odd, known, str(path), path))
    return [path for *_, path in sorted(ranked)]
