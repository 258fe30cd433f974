"""Files of the warehouse that are on the disk before the catalog names them.

pyiceberg leaves that to the system: after a power cut the catalog, which a database keeps safe,
could name files that are empty, while the hot store takes their rows for committed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

if TYPE_CHECKING:
    from pyiceberg.io import OutputStream


class _SyncedFile(pa.OSFile):  # type: ignore[misc]  # pyarrow has no types
    """A local file that is on the disk when it is closed."""

    folder: Path

    def close(self) -> None:
        """Have the disk take the bytes and the name, and close."""
        if not self.closed:
            self.flush()
            os.fsync(self.fileno())
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        super().close()


class _DurableFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: FBT001, FBT002  pyiceberg's
        if not overwrite and self.exists():
            raise FileExistsError(f"Cannot create file, already exists: {self.location}")
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        made = _SyncedFile(self._path, mode="wb")
        made.folder = Path(self._path).parent
        return made


class DurableFileIO(PyArrowFileIO):
    """pyiceberg's access to files, with local ones written safely."""

    def new_output(self, location: str) -> PyArrowFile:
        """A file to be written."""
        scheme, netloc, path = self.parse_location(location, self.properties)
        if scheme != "file":
            return super().new_output(location)
        return _DurableFile(location, path, self.fs_by_scheme(scheme, netloc))
