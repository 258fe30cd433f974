"""The key of the pseudonyms: a data directory in, the key out; made when it is first needed.

It never leaves the directory. Without it a pseudonym cannot be led back to a name; whoever deletes
it cuts all reports written so far off from the names for good.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Final

from scms.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "privacy.key"
_BYTES: Final = 32


def pseudonym_key(directory: Path) -> bytes:
    """The key of a data directory.

    Raises:
        ReportError: It cannot be read or made, or is none.
    """
    path = directory / FILE_NAME
    try:
        key = _read(path)
        if key is None:
            _make(path)
            key = _read(path)
    except OSError as error:
        raise ReportError(
            f"{path} cannot be used: {error.strerror}",
            expected="the key of the pseudonyms, readable and in a directory to write in",
        ) from error
    if key is None or len(key) != _BYTES:
        raise ReportError(
            f"{path} is no key",
            expected=f"{_BYTES} bytes",
            mend="delete it to get a new one; pseudonyms will differ from those so far",
        )
    return key


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _make(path: Path) -> None:
    """Whole or not at all, and only one of two who make it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # somebody was faster; theirs is read
    finally:
        draft.unlink()
