"""A cluster as its users see it: it composes the parts and does the I/O for them.

In: an inventory. Out: tables (pandas data frames), reports, outlooks and recommendations. Opening a
cluster touches no server: a collector writes, everything here reads, but for holds.

`now` answers from the last hours, `past` from what is remembered, `documents` writes for others,
`choosing` says where to run, `future` looks ahead, `keeping` looks after the warehouse; `parts`
opens what they read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.cluster.documents import Documents
from scms.cluster.keeping import Keeping
from scms.cluster.learning import Learner
from scms.inventory import find_inventory
from scms.settings import merged

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Cluster", "open"]


def open(  # noqa: A001  scms.open
    path: str | Path | None = None, *, engine: str | None = None, **settings: Any
) -> Cluster:
    """Open a cluster for reading.

    Args:
        path: A cluster.toml. Without it: ``$SCMS_CONFIG``, then ``./cluster.toml``, then this
            machine alone.
        engine: ``sc://host:port`` of a Spark Connect server that is to answer from the warehouse,
            instead of this process; see docs/how-to/grow.md.
        **settings: Settings that go over the file, such as ``timezone="Asia/Shanghai"``.

    Raises:
        SettingsError: The file or a setting cannot be used; the message names file and key.
    """
    if engine is not None:
        settings = merged(settings, {"warehouse": {"engine": engine}})
    return Cluster(find_inventory(path, settings))


class Cluster(Documents, Learner, Keeping):
    """One cluster: what it does now, what it did, what it will do, and where to run next.

    Attributes:
        inventory: The servers and settings.
    """
