"""What a report noticed: its tables in, plain sentences out, each with what is at stake.

Every rule reads the tables that the report shows and nothing else, so that a sentence says no more
than they do. A rule speaks only of what was observed; its thresholds are settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports import rules_change, rules_room, rules_use
from scms.reports.finding import Finding
from scms.reports.present import rows_of
from scms.settings import FindingSettings as Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["RULES", "Finding", "Thresholds", "find"]

#: Every rule, by the kind of what it finds.
RULES: Final = {**rules_use.RULES, **rules_room.RULES, **rules_change.RULES}
#: These say what cannot be told, and stand first.
_UNTOLD: Final = ("not_told", "not_compared")


def find(
    tables: Mapping[str, pd.DataFrame],
    totals: pd.DataFrame,
    *,
    thresholds: Thresholds | None = None,
) -> tuple[Finding, ...]:
    """Everything worth saying, what cannot be told first, then by GPU-hours at stake.

    Args:
        tables: Those of a `scms.reports.document.Report`; a rule whose table is not there is
            silent.
        totals: The finished total, one row.
        thresholds: From where on to speak.
    """
    limits = Thresholds() if thresholds is None else thresholds
    rows = {name: rows_of(frame) for name, frame in tables.items()}
    total = rows_of(totals)[0]
    found = [finding for rule in RULES.values() for finding in rule(rows, total, limits)]
    found.sort(key=lambda finding: (finding.kind not in _UNTOLD, -(finding.gpu_hours or 0.0)))
    return tuple(found)
