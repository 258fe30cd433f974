"""Delete the files that no snapshot of a table refers to any more.

pyiceberg expires snapshots and leaves their files; a commit that lost a race leaves some too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyiceberg.table import Table as IcebergTable


def collect_garbage(iceberg: IcebergTable, *, before: datetime) -> int:
    """Delete files below the table's location that are old and that nothing refers to.

    Args:
        iceberg: The table.
        before: Younger files stay: they may belong to a commit that is under way.

    Returns:
        How many were deleted.
    """
    from pyarrow.fs import FileSelector
    from pyiceberg.io.pyarrow import PyArrowFileIO

    if not isinstance(iceberg.io, PyArrowFileIO):
        return 0
    scheme, netloc, root = iceberg.io.parse_location(iceberg.location())
    file_system = iceberg.io.fs_by_scheme(scheme, netloc)
    found = file_system.get_file_info(FileSelector(root, recursive=True, allow_not_found=True))
    old = [info.path for info in found if info.is_file and info.mtime < before]
    iceberg.refresh()  # after the listing, so that nothing listed can be in use unseen
    used = {iceberg.io.parse_location(url)[2] for url in referenced(iceberg)}
    garbage = [path for path in old if path not in used]
    for path in garbage:
        file_system.delete_file(path)
    return len(garbage)


def referenced(iceberg: IcebergTable) -> Iterator[str]:
    """The URLs of all files of a table: metadata, manifests and data of every snapshot kept."""
    metadata = iceberg.metadata
    yield iceberg.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (file.statistics_path for file in metadata.statistics)
    seen: set[str] = set()
    for snapshot in metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(iceberg.io):
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            yield manifest.manifest_path
            for entry in manifest.fetch_manifest_entry(iceberg.io):
                yield entry.data_file.file_path
