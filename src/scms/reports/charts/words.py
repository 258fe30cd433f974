"""What a picture shows, in sentences: the rows it is drawn from in, one to three sentences out.

For who cannot see it, and for who has no time. They are read from the same rows as the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.reports.charts.bars import key_labels, resource
from scms.reports.charts.curves import changes
from scms.reports.charts.went import losses
from scms.reports.present import column as present_column
from scms.reports.present import hours, key_label, ratio, rows_of

if TYPE_CHECKING:
    import pandas as pd

    from scms.reports.present import Column

Words = tuple[str, ...]
NOTHING = ("Nothing was recorded.",)


def of_usage(frame: pd.DataFrame) -> Words:
    """A table of use: all of it, the most and the least."""
    unit = resource(frame)
    column = f"{unit.lower()}_hours_used"
    rows = [
        row | {"label": label}
        for row, label in zip(rows_of(frame), key_labels(frame), strict=True)
        if row[column] is not None
    ]
    if not rows:
        return NOTHING
    most, least = (best(rows, key=lambda row: row[column]) for best in (max, min))
    total = f"{hours(sum(row[column] for row in rows))} {unit}-hours were used in all."
    said = [] if "tag" in frame.columns else [total]  # a server with two tags is in both rows
    said.append(f"Most: {most['label']}, {_amount(most, unit)}.")
    if len(rows) > 1:
        said.append(f"Least: {least['label']}, {_amount(least, unit)}.")
    return tuple(said)


def of_metric(frame: pd.DataFrame, column: Column) -> Words:
    """One metric of a table of use: the highest and the lowest."""
    rows = [
        (row[column.name], label)
        for row, label in zip(rows_of(frame), key_labels(frame), strict=True)
        if row[column.name] is not None
    ]
    if not rows:
        return NOTHING
    most, least = max(rows, key=lambda row: row[0]), min(rows, key=lambda row: row[0])
    unit = f" {column.unit}" if column.unit else ""
    said = f"Highest: {most[1]}, {column.write(most[0])}{unit}."
    if len(rows) == 1:
        return (said,)
    return (said, f"Lowest: {least[1]}, {column.write(least[0])}{unit}.")


def of_totals(totals: pd.DataFrame) -> Words:
    """Where the hours went, as shares of all of them."""
    row = rows_of(totals)[0]
    used = row["gpu_hours_used"] or 0.0
    lost = [(label, amount) for label, amount, _ in losses(row) if amount > 0]
    everything = used + sum(amount for _, amount in lost)
    if everything <= 0:
        return NOTHING
    parts = ", ".join(f"{label} {ratio(amount / everything)}" for label, amount in lost)
    said = f"Of {hours(everything)} GPU-hours {ratio(used / everything)} were used"
    return (f"{said}; {parts}." if parts else f"{said}.",)


def of_change(before: pd.DataFrame, servers: pd.DataFrame) -> Words:
    """What changed most since the period before."""
    change = changes(before, servers)
    total = float(change.sum())
    said = [f"{hours(abs(total))} GPU-hours {'more' if total >= 0 else 'less'} were used."]
    for name, amount in change.head(2).items():
        said.append(f"{name}: {'+' if amount >= 0 else '−'}{hours(abs(amount))}.")
    return tuple(said)


def of_spread(concentration: pd.DataFrame) -> Words:
    """How uneven use is."""
    return tuple(
        f"The three of {row['member_count']:.0f} {row['over']} with most have "
        f"{ratio(row['top_three_ratio'])} of the use (Gini {row['gini_ratio']:.2f})."
        for row in rows_of(concentration)
    )


def of_servers(servers: pd.DataFrame) -> Words:
    """The servers with the highest and the lowest share of use."""
    use = present_column("gpu_use_ratio")
    assert use is not None
    return of_metric(servers, use)


def of_week(week: pd.DataFrame) -> Words:
    """The hours of the week in which most and least is used."""
    columns = ["gpu_hours_used", "gpu_hours_available"]
    summed = week.groupby("hour_of_week")[columns].sum(min_count=1)
    share = (summed["gpu_hours_used"] / summed["gpu_hours_available"]).dropna().sort_values()
    if share.empty:
        return NOTHING
    hour_of, at = share.index, share.tolist()
    return (
        f"Busiest: {key_label(hour_of[-1], 'hour_of_week')}, {ratio(at[-1])} used.",
        f"Quietest: {key_label(hour_of[0], 'hour_of_week')}, {ratio(at[0])}.",
    )


def of_grid(rows: pd.DataFrame) -> Words:
    """How many GPUs and hours there are, and which GPU was used most."""
    known = rows.dropna(subset=["use_ratio"])
    if known.empty:
        return NOTHING
    spans = known["hour"].nunique()
    mean = known.groupby(["device", "server"])["use_ratio"].mean().reset_index()
    most = mean.sort_values("use_ratio").iloc[-1]
    return (
        f"{len(mean)} GPUs over {spans} hours.",
        f"Used most: one of {most['server']}, {ratio(most['use_ratio'])} of its time.",
    )


def _amount(row: dict[str, Any], unit: str) -> str:
    used, available = row[f"{unit.lower()}_hours_used"], row.get(f"{unit.lower()}_hours_available")
    said = f"{hours(used)} {unit}-hours"
    return f"{said}, {ratio(used / available)} of those available" if available else said
