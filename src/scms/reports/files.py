"""Writes a file whole or not at all: bytes and a path in, a file out.

A reader never sees half a document, and a run that is broken off leaves the one before in place.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from scms.errors import ReportError


def write_whole(path: str | Path, data: bytes) -> Path:
    """Replace a file by new contents in one step.

    Raises:
        ReportError: It cannot be written; what was there is untouched.
    """
    path = Path(path)
    # Of its own for each process and thread that may write the same file at this moment.
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise ReportError(
            f"{path} cannot be written: {error.strerror}", expected="a folder to write in"
        ) from error
    return path
