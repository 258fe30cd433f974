"""What looks after the warehouse: compaction, expiry, verification, export."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from scms.cluster.parts import Parts, frame
from scms.errors import QueryError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from scms.reports.period import Period
    from scms.warehouse.verify import Verified

#: The columns by which a period is cut out, in the order in which they are looked for.
_TIMES: Final = ("sampled_at", "starts_at", "said_at", "origin", "ts", "valid_from")


class Keeping(Parts):
    """The verbs that keep the warehouse well. They are safe beside collectors and readers."""

    def compact_warehouse(self) -> dict[str, int]:
        """Rewrite the days and months that are over into a few sorted files.

        The collector does so every hour; this is for those who cannot wait.

        Returns:
            ``partitions_compacted``.
        """
        from scms.warehouse.upkeep import compact_all

        return compact_all(self._warehouse, now=datetime.now(UTC))

    def expire_warehouse(self) -> dict[str, int]:
        """Drop what is older than the settings keep, and files that nothing refers to any more.

        Returns:
            ``days_dropped`` and ``files_deleted``.
        """
        from scms.warehouse.upkeep import expire_all

        retention = self.inventory.settings.retention
        return expire_all(
            self._warehouse,
            now=datetime.now(UTC),
            keep_facts_seconds=retention.facts,
            keep=retention.tables,
        )

    def verify_warehouse(self) -> Verified:
        """Read all of the warehouse and compare it with what was written.

        Returns:
            What was read; its ``damages`` are as in `damages_frame`.
        """
        from scms.warehouse.verify import verify

        return verify(self._warehouse)

    def export(self, what: str, path: str | Path, period: str | Period | None = None) -> int:
        """Write a table or view to a file.

        Args:
            what: Its name, such as ``usage_daily`` or ``device_sample``.
            path: A file that ends in ``.parquet`` or ``.csv``.
            period: Only rows of that time, such as ``"2026-10"``.

        Returns:
            The number of rows.

        Raises:
            QueryError: There is no such table or view, it has no time, or the file cannot be.
        """
        from scms.views.export import write

        name = _plain_name(what)
        columns = self._views.relation(f"SELECT * FROM {name} LIMIT 0").columns  # noqa: S608  checked
        if period is None:
            return write(self._views.relation(f"SELECT * FROM {name}"), path)  # noqa: S608
        time = next((column for column in _TIMES if column in columns), None)
        if time is None:
            raise QueryError(f"{name} has no time", expected="no period for it")
        within = self.period(period)
        relation = self._views.relation(
            f"SELECT * FROM {name} WHERE {time} >= $start AND {time} < $end",  # noqa: S608
            {"start": within.start, "end": within.end},
            start=within.start,
            end=within.end,
        )
        return write(relation, path)


def damages_frame(verified: Verified) -> pd.DataFrame:
    """One row for each thing that is wrong; columns as in `scms.warehouse.verify.Damage`."""
    from scms.warehouse.verify import Damage

    rows: list[dict[str, Any]] = [asdict(damage) for damage in verified.damages]
    return frame(rows, [*Damage.__dataclass_fields__])


def _plain_name(what: str) -> str:
    if not what.isidentifier():
        raise QueryError(f"{what!r} is no name", expected="the name of a table or view")
    return what
