"""Holds a text to a file of tests/golden.

Write the files anew with ``SCMS_GOLDEN=write pytest tests/reports``, and read the difference.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def golden(repository: Path, name: str, got: str) -> None:
    """The text is that of the file."""
    path = repository / "tests" / "golden" / name
    if os.environ.get("SCMS_GOLDEN") == "write":
        path.write_text(got, encoding="utf-8")
    assert got == path.read_text(encoding="utf-8")
