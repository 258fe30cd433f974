"""The numbers on top of a report: totals and changes in, `Headline`s out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.reports import present
from scms.reports.document import Headline

if TYPE_CHECKING:
    import pandas as pd


def headlines(
    totals: pd.DataFrame, servers: pd.DataFrame, periods: pd.DataFrame, *, currency: str
) -> tuple[Headline, ...]:
    """What a reader takes home.

    Args:
        totals: The finished total, one row.
        servers: `usage` by server.
        periods: This period and earlier ones (see `scms.reports.compare`).
        currency: What energy is paid in.
    """
    row = present.rows_of(totals)[0]
    observed = Headline(
        "Observed",
        present.ratio(row["coverage_ratio"]),
        f"of the time of {len(servers)} server{'s' if len(servers) != 1 else ''}",
    )
    share, all_of_it = row["cpu_utilization_ratio"], row["cpu_hours_available"]
    cpu = Headline(
        "CPU-hours used",
        present.hours(row["cpu_hours_used"]),
        f"{present.ratio(share)} of {present.hours(all_of_it)} available",
    )
    if row["gpu_hours_available"] is None:
        return cpu, observed
    return (*_of_gpus(row, periods), _energy(row, currency), cpu, observed)


def _of_gpus(row: dict[str, Any], periods: pd.DataFrame) -> tuple[Headline, ...]:
    used, available, held = (
        row[f"gpu_hours_{part}"] for part in ("used", "available", "idle_held")
    )
    return (
        Headline(
            "GPU-hours used",
            present.hours(used),
            f"{present.ratio(row['gpu_use_ratio'])} of {present.hours(available)} available"
            f"{_change(periods)}",
        ),
        Headline(
            "Held without work",
            present.hours(held),
            f"GPU-hours, {present.ratio(held / available if available else None)} of those "
            "available",
        ),
        Headline("Free", present.hours(row["gpu_hours_free"]), "GPU-hours nobody took"),
        Headline(
            "Mean utilisation",
            present.ratio(row["gpu_utilization_ratio"]),
            "of GPUs, over available time",
        ),
    )


def _change(periods: pd.DataFrame) -> str:
    """How much more than in the period before, where that can be told."""
    rows = present.rows_of(periods)
    change = rows[1].get("used_change_ratio") if len(rows) > 1 else None
    if change is None:
        return ""
    return f", {present.ratio(abs(change))} {'more' if change >= 0 else 'less'} than before"


def _energy(row: dict[str, Any], currency: str) -> Headline:
    cost, carbon = row.get("energy_cost"), row.get("carbon_kilograms")
    said = []
    if cost is not None:
        said.append(f"{present.hours(cost)} {currency}")
    if carbon is not None:
        said.append(f"{present.hours(carbon)} kg CO2")
    detail = ", ".join(said) + ", drawn by the boards" if said else "drawn by the boards"
    return Headline("GPU energy", f"{present.hours(row['energy_kwh'])} kWh", detail)
