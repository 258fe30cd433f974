"""Promised against realised: how good what we said has been.

In: the rows of the views ``recommendation_scored`` and ``outlook_scored``. Out: a `Scorecard` of
small frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Hashable

#: Lower ends of the bins of chances.
BINS: Final = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95)
_SUMMARY: Final = ("what", "cases", "promised", "kept", "hours_kept_ratio", "brier")
_BIN_COLUMNS: Final = ("above", "cases", "promised", "kept")
_OUTLOOK_COLUMNS: Final = ("model", "measure", "hours", "level", "coverage", "error", "bias")


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """How good what we said has been.

    Attributes:
        summary: Per ``what`` (first choice; least used now, of the same answers; what was held
            from an answer; all candidates):
            ``cases, promised`` (mean chance that was told), ``kept`` (share that stayed free or in
            the asker's use), ``hours_kept_ratio`` (share of the hours asked for) and ``brier``.
        bins: All candidates, by the chance that was told: ``above, cases, promised, kept``.
        outlooks: Per ``model`` and ``measure``: ``hours`` judged, ``level`` promised, ``coverage``
            of the intervals, mean absolute ``error`` and ``bias`` (forecast less truth).
        free: Chances that a GPU is free in an hour, as ``bins``.
    """

    summary: pd.DataFrame
    bins: pd.DataFrame
    outlooks: pd.DataFrame
    free: pd.DataFrame

    def _repr_html_(self) -> str:
        parts = [
            f"<h4>{escape(title)}</h4>{frame.round(3).to_html(index=False)}"
            for title, frame in self.titled()
        ]
        return f"<div class='scms-scorecard'>{''.join(parts)}</div>"

    def titled(self) -> list[tuple[str, pd.DataFrame]]:
        """The frames with their titles."""
        return [
            ("Recommendations: promised and kept", self.summary),
            ("Recommendations by the chance that was told", self.bins),
            ("Outlooks", self.outlooks),
            ("Chances of a free GPU by the chance that was told", self.free),
        ]


def scorecard(recommendations: pd.DataFrame, outlooks: pd.DataFrame) -> Scorecard:
    """Score what was said and whose time has come.

    Args:
        recommendations: Rows of ``recommendation_scored``.
        outlooks: Rows of ``outlook_scored``.
    """
    told = recommendations[recommendations["probability"].notna()]
    groups = {
        "first choice": recommendations[recommendations["rank"] == 1],
        "least used now": _least_used(recommendations),
        "what was held": recommendations[recommendations["held"] == 1],
        "all candidates": recommendations,
    }
    rows = [_summed(what, part) for what, part in groups.items() if len(part)]
    free = outlooks[outlooks["p_free"].notna() & outlooks["was_free"].notna()]
    return Scorecard(
        summary=pd.DataFrame(rows, columns=list(_SUMMARY)),
        bins=_binned(told["probability"], told["stayed"]),
        outlooks=_outlooks(outlooks),
        free=_binned(free["p_free"], free["was_free"]),
    )


def _least_used(recommendations: pd.DataFrame) -> pd.DataFrame:
    """Of each answer, the candidates of which most was free; several where they are alike.

    Servers of one rank take a job together: among their shares there is nothing to choose.
    """
    together = (
        recommendations.groupby(["recommendation_id", "rank"])["server"].transform("size") > 1
    )
    known = recommendations[recommendations["free_before_ratio"].notna() & ~together]
    if known.empty:
        return known
    most = known.groupby("recommendation_id")["free_before_ratio"].transform("max")
    return known[known["free_before_ratio"] >= most - 1e-9]


def _summed(what: str, part: pd.DataFrame) -> dict[str, object]:
    # Every answer counts once, however many of its candidates are alike.
    weight = 1.0 / part.groupby("recommendation_id")["rank"].transform("size")
    if what == "all candidates":
        weight = pd.Series(1.0, index=part.index)
    told = part["probability"].notna()
    errors = (part["probability"] - part["stayed"]) ** 2
    return {
        "what": what,
        "cases": round(float(weight.sum())),
        "promised": _mean(part["probability"][told], weight[told]),
        "kept": _mean(part["stayed"], weight),
        "hours_kept_ratio": _mean(part["kept_hours"] / part["hours"], weight),
        "brier": _mean(errors[told], weight[told]),
    }


def _mean(values: pd.Series, weight: pd.Series) -> float:
    total = float(weight.sum())
    return float((values.astype(float) * weight).sum()) / total if total else float("nan")


def _binned(promised: pd.Series, kept: pd.Series) -> pd.DataFrame:
    place = np.searchsorted(BINS, promised.to_numpy(dtype=float), side="right") - 1
    rows = [
        {
            "above": BINS[number],
            "cases": int((place == number).sum()),
            "promised": float(promised[place == number].mean()),
            "kept": float(kept[place == number].mean()),
        }
        for number in np.unique(place)
    ]
    return pd.DataFrame(rows, columns=list(_BIN_COLUMNS))


def _outlooks(outlooks: pd.DataFrame) -> pd.DataFrame:
    groups: list[tuple[Hashable, pd.DataFrame]] = list(outlooks.groupby(["model", "measure"]))
    rows = [
        {
            "model": own["model"].iloc[0],
            "measure": own["measure"].iloc[0],
            "hours": len(own),
            "level": float(own["level"].mean()),
            "coverage": float(own["inside"].mean()),
            "error": float((own["mean"] - own["actual"]).abs().mean()),
            "bias": float((own["mean"] - own["actual"]).mean()),
        }
        for _, own in groups
    ]
    return pd.DataFrame(rows, columns=list(_OUTLOOK_COLUMNS))
