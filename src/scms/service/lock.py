"""One collector for a data directory: a lock that goes with its process."""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING, Final

from scms.errors import HotStoreError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_NAME: Final = "collector.lock"


class CollectorLock:
    """One collector per data directory: the lock goes with the process, however it ends."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / LOCK_NAME
        self._file: IO[str] | None = None

    @property
    def taken(self) -> bool:
        """Whether this object has it."""
        return self._file is not None

    def take(self) -> None:
        """Take it, or say who has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+", encoding="ascii")
        except OSError as error:
            raise HotStoreError(
                f"{self.path} cannot be written: {error}", expected="a data directory of one's own"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise HotStoreError(
                f"a collector already writes to {self.path.parent} (process {holder})",
                expected="one collector for a data directory",
                mend=f"stop it (kill {holder}), or give this one another `data` directory",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let another have it."""
        if self._file is not None:
            self._file.close()
        self._file = None
