"""What a cluster did: use, reports and SQL over warehouse and hot store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
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

    def usage(
        self,
        period: str | Period = "today",
        by: str = "server",
        *,
        where: str = "",
        user: str | None = None,
        top: int | None = None,
    ) -> pd.DataFrame:
        """Use in a period: GPU-hours and CPU-hours available and used, with coverage.

        Args:
            period: Such as ``"today"``, ``"2026-10"``, ``"2026-W41"``, ``"2026-Q4"``, ``"7d"``.
            by: ``server``, ``device``, ``user``, ``group``, ``tag``, ``model``, ``hour``, ``day``,
                ``month``, ``weekday``, ``hour_of_day`` or ``hour_of_week``.
            where: Only servers that this filter means, such as ``"group:vision not tag:old"``.
            user: Only what this user used; not by device or model.
            top: Only so many rows, those with most hours used first.

        Returns:
            One row per key; columns as in docs/reference/metrics.md.

        Raises:
            PeriodError: The period cannot be read.
            QueryError: ``by`` is none of these.
            FilterError: ``where`` cannot be read.
        """
        from scms.reports.metrics import usage

        return usage(
            self._views.frame,
            self.period(period),
            by=by,
            now=datetime.now(UTC),
            where=where,
            user=user,
            top=top,
            power=self.inventory.settings.power,
        )

    def report(
        self,
        period: str | Period = "last-month",
        *,
        where: str = "",
        group: str | None = None,
        audience: str | None = None,
        commands: bool = False,
        template: str | Path | None = None,
    ) -> Report:
        """A report of a period, to look at in a notebook or to ``.save("october.pdf")``.

        Args:
            period: As for `usage`.
            where: About the servers that this filter means only; those of the inventory.
            group: About the servers of this group only.
            audience: Who is to see it, which says what is seen of names; see ``[privacy]``.
            commands: Show program names as well, where names are shown.
            template: A Jinja template for the page; by default that of the settings, or ours.

        Raises:
            FilterError: ``where`` cannot be read.
            ReportError: There is no such group or server, or the template cannot be used.
            SettingsError: No list of ``[privacy]`` names the audience.
        """
        from scms.reports.build import build_report

        settings = self.inventory.settings
        chosen_period, now = self.period(period), datetime.now(UTC)
        report = build_report(
            self._views_of(group, where, chosen_period, now=now).frame,
            chosen_period,
            name=", ".join(part for part in (settings.name, group, where.strip()) if part),
            now=now,
            thresholds=settings.findings,
            power=settings.power,
            # Where only its servers are seen, nobody can tell who of a group works elsewhere.
            groups=settings.groups if group is None and not where.strip() else {},
            veil=self._veil(audience, commands=commands),
        )
        chosen = settings.reports.template if template is None else template
        return report if chosen is None else replace(report, template=Path(chosen))

    def load(self, server: str, period: str | Period = "today") -> pd.DataFrame:
        """The load of a server in a period, per quarter of an hour: mean, lowest and highest.

        Returns:
            Columns ``starts_at, cpu_mean, cpu_min, cpu_max, memory_max, gpu_mean, gpu_min,
            gpu_max`` (ratios), in order of time; what was not observed has no row.

        Raises:
            UnknownServer: It is not in the inventory.
        """
        chosen = self.period(period)
        return self._views.frame(
            "SELECT * EXCLUDE (server) FROM server_load_15m WHERE server = $server "
            "AND starts_at >= $start AND starts_at < $end ORDER BY starts_at",
            {
                "server": self.inventory[server].name,
                "start": chosen.start,
                "end": chosen.end,
            },
            start=chosen.start,
            end=chosen.end,
        )

    def device_hours(self, server: str, hours: float = 24) -> pd.DataFrame:
        """What each GPU of a server did in the last hours, hour by hour, and for whom.

        Args:
            server: Its name.
            hours: How far back; the hour that it falls into is whole.

        Returns:
            Columns of the view ``device_hourly`` but the server, and ``users``: who used it, most
            first, None for a user that may not be seen. What was not observed has no row.

        Raises:
            UnknownServer: It is not in the inventory.
        """
        end = datetime.now(UTC)
        start = (end - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        return self._views.frame(
            "SELECT d.* EXCLUDE (server), coalesce(u.users, []) AS users FROM device_hourly AS d "
            'LEFT JOIN (SELECT device, ts, list("user" ORDER BY gpu_hours DESC) AS users '
            "FROM device_users_hourly WHERE server = $server AND ts >= $start "
            "GROUP BY device, ts) AS u ON u.device = d.device AND u.ts = d.ts "
            "WHERE d.server = $server AND d.ts >= $start ORDER BY d.device_index, d.ts",
            {"server": self.inventory[server].name, "start": start},
            start=start,
            end=end,
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
