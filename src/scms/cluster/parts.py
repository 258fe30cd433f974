"""What a cluster is put together from: opened when first used, and only for reading.

In: an inventory. Out: the hot store, the warehouse, the views, the evidence and the holds.
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scms.errors import QueryError, ReportError
from scms.hot import HotStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.evidence import Evidence
    from scms.inventory import Inventory
    from scms.recommend.holds import Holds
    from scms.reports.period import Period
    from scms.reports.privacy import Veil
    from scms.views import Views
    from scms.warehouse import Warehouse


class Parts:
    """The parts of one cluster.

    Attributes:
        inventory: The servers and settings.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory

    def __reduce__(self) -> tuple[type[Parts], tuple[Inventory]]:
        """In another process a cluster opens its parts anew."""
        return type(self), (self.inventory,)

    def __repr__(self) -> str:
        settings = self.inventory.settings
        return (
            f"<Cluster {settings.name!r}: {len(self.inventory.servers)} servers, "
            f"{settings.timezone}, data in {self.inventory.directory}>"
        )

    @cached_property
    def hot(self) -> HotStore:
        """The hot store, opened for reading; empty until a collector has run."""
        return HotStore.open(self.inventory.directory / "hot.sqlite")

    @cached_property
    def _warehouse(self) -> Warehouse:
        from scms.warehouse import Warehouse

        return Warehouse.open(self.inventory)

    @cached_property
    def _views(self) -> Views:
        from scms.views import open_views

        return open_views(self.inventory, self.hot, self._warehouse)

    @cached_property
    def _evidence(self) -> Evidence:
        from scms.evidence import Evidence

        return Evidence(self._views, self.hot)

    @cached_property
    def _holds(self) -> Holds:
        from scms.recommend.holds import Holds

        return Holds(self.hot, self.inventory.settings.holds)

    def _views_of(self, group: str | None, where: str, period: Period, *, now: datetime) -> Views:
        """The views of all servers, or of those of one group and of a filter and no others."""
        if group is None and not where.strip():
            return self._views
        from scms.inventory import Inventory
        from scms.reports.chosen import chosen_servers
        from scms.views import open_views

        inventory = self.inventory
        servers = inventory.servers
        if group is not None:
            servers = tuple(server for server in servers if server.group == group)
            if not servers:
                raise _no_group(group, inventory)
        if where.strip():
            named = set(chosen_servers(self._views.frame, period, where, now=now))
            servers = tuple(server for server in servers if server.name in named)
            if not servers:
                raise ReportError(
                    f"the filter {where.strip()!r} means no server of the inventory",
                    expected="one that some server meets",
                )
        theirs = Inventory(
            servers, inventory.settings, directory=inventory.directory, source=inventory.source
        )
        return open_views(theirs, self.hot, self._warehouse, listed_only=True)

    def _veil(self, audience: str | None, *, commands: bool) -> Veil:
        """What an audience may see, with the key of the pseudonyms where it takes one."""
        from scms.reports.keys import pseudonym_key
        from scms.reports.privacy import Veil

        names = self.inventory.settings.privacy.names_for(audience)
        if names == "shown":
            return Veil(commands=commands)
        return Veil(names, pseudonym_key(self.inventory.directory))

    def moment(self, text: str | datetime) -> datetime:
        """Read a moment such as ``"2026-10-06 12:00"`` in the cluster's time zone.

        Raises:
            QueryError: It cannot be read.
        """
        if isinstance(text, datetime):
            return text
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise QueryError(
                f"{text!r} is no moment", expected='a date or a time such as "2026-10-06 12:00"'
            ) from error
        zone = self.inventory.settings.zone()
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment

    def period(self, text: str | Period) -> Period:
        """Read a period in the cluster's time zone."""
        from scms.reports.period import parse_period

        if not isinstance(text, str):
            return text
        return parse_period(text, self.inventory.settings.zone(), datetime.now(UTC))


def _no_group(group: str, inventory: Inventory) -> ReportError:
    groups = sorted({server.group for server in inventory.servers if server.group is not None})
    near = difflib.get_close_matches(group, groups, n=1)
    return ReportError(
        f"no server belongs to a group {group!r}",
        expected=f"one of {', '.join(groups)}" if groups else "groups in cluster.toml",
        mend=f'did you mean "{near[0]}"?' if near else None,
    )


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A data frame that has its columns also when there are no rows."""
    import pandas as pd

    named = None if columns is None else [*columns]
    return pd.DataFrame.from_records([dict(row) for row in rows], columns=named)
