"""What a cluster did: use, reports and SQL over warehouse and hot store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scms.cluster.parts import Parts, frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from duckdb import DuckDBPyRelation

    from scms.reports.document import Report
    from scms.reports.period import Period


class Past(Parts):
    """The verbs that answer from what is remembered."""

    def usage(self, period: str | Period = "today", by: str = "server") -> pd.DataFrame:
        """Use in a period: GPU-hours and CPU-hours available and used, with coverage.

        Args:
            period: Such as ``"today"``, ``"2026-10"``, ``"2026-W41"``, ``"2026-Q4"``, ``"7d"``.
            by: ``server``, ``device``, ``user``, ``group``, ``model``, ``hour`` or ``day``.

        Returns:
            One row per key; columns as in docs/reference/metrics.md.

        Raises:
            PeriodError: The period cannot be read.
        """
        from scms.reports.metrics import usage

        return usage(self._views.frame, self.period(period), by=by, now=datetime.now(UTC))

    def report(self, period: str | Period = "last-month") -> Report:
        """A report of a period, to look at in a notebook or to ``.save("october.html")``."""
        from scms.reports.build import build_report

        return build_report(
            self._views.frame,
            self.period(period),
            name=self.inventory.settings.name,
            now=datetime.now(UTC),
        )

    def sql(
        self,
        query: str,
        params: Mapping[str, Any] | None = None,
        *,
        as_of: str | datetime | None = None,
    ) -> DuckDBPyRelation:
        """Any SELECT over the views of docs/reference (DuckDB SQL), as a DuckDB relation.

        Args:
            query: One SELECT; ``$name`` stands for a value.
            params: The values.
            as_of: What the warehouse had at this moment; a text is taken in the zone of the
                cluster. Rows that were still hot then are not seen.

        Raises:
            QueryError: DuckDB or the engine refuses it; the message is theirs.
            WarehouseError: The warehouse does not remember that moment.
        """
        moment = None if as_of is None else self.moment(as_of)
        return self._views.relation(query, params, as_of=moment)

    def warehouse_problem(self) -> str | None:
        """Why the warehouse does not take what is collected; None when it does."""
        from scms.service import WAREHOUSE_PROBLEM

        return self.hot.meta(WAREHOUSE_PROBLEM)

    def warehouse_info(self) -> pd.DataFrame:
        """One row per table of the warehouse (see `scms.warehouse.info.table_info`)."""
        from scms.warehouse.info import COLUMNS, table_info

        return frame(table_info(self._warehouse), COLUMNS)
