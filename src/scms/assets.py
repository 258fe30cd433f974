"""Where the files that ship with the program are: SQL, page and notebooks.

In a checkout they stand at the top of the repository; in an installed wheel inside the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def asset_path(kind: Literal["warehouse", "dashboards", "notebooks"]) -> Path:
    """The folder of the given kind of asset."""
    package = Path(__file__).resolve().parent
    packed = package / "_assets" / kind
    return packed if packed.is_dir() else package.parents[1] / kind
