"""The choice of a period: a text that `scms.reports.period` reads, by buttons or typed.

In: a cluster, whose time zone and clock say what "today" is. Out: a widget with the text as
``value``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import ipywidgets as w
import traitlets

from scms.errors import PeriodError
from scms.widgets.base.part import add_classes

if TYPE_CHECKING:
    from scms.cluster import Cluster
    from scms.reports.period import Kind, Period

#: The periods of the picker, by kind, and what they are called when they go on.
PERIODS: Final[dict[str, tuple[Kind, str]]] = {
    "Day": ("day", "today"),
    "Week": ("week", "this-week"),
    "Month": ("month", "this-month"),
    "Quarter": ("quarter", "this-quarter"),
    "Year": ("year", "this-year"),
}
_KINDS: Final[dict[str, str]] = {kind: name for name, (kind, _) in PERIODS.items()}


class PeriodBar(w.HBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Which period: of a kind, the one before or after it, or any.

    Args:
        lab: The cluster.
        value: The period to begin with.

    Attributes:
        value: The period as text.
        picker, before, after, text: The controls.
    """

    value = traitlets.Unicode("this-month")

    def __init__(self, lab: Cluster, value: str = "this-month") -> None:
        self._lab = lab
        self._setting = False
        self.before = add_classes(w.Button(description="‹ Previous"), "scms-step")
        self.after = add_classes(w.Button(description="Next ›"), "scms-step")
        self.picker = w.ToggleButtons(options=list(PERIODS), value=None)
        self.text = w.Text(
            placeholder="or 2026-10, 2026-W41, last-month, 7d …", continuous_update=False
        )
        add_classes(self.text, "scms-period")
        super().__init__([self.before, self.picker, self.after, self.text])
        add_classes(self, "scms-period-bar")
        self.before.on_click(lambda _: self._step("previous"))
        self.after.on_click(lambda _: self._step("following"))
        self.picker.observe(lambda change: self._pick(change["new"]), names="value")
        self.text.observe(lambda change: self._typed(change["new"]), names="value")
        self.observe(lambda _: self._show(), names="value")
        self.value = value
        self._show()

    @property
    def period(self) -> Period | None:
        """The period that is chosen; None while the text is none."""
        try:
            return self._lab.period(self.value)
        except PeriodError:
            return None

    def _step(self, way: str) -> None:
        period = self.period
        if period is not None:
            self.value = getattr(period, way)().label

    def _pick(self, name: str | None) -> None:
        """Another kind: the one that goes on, or in an earlier period the one it begins in."""
        if self._setting or name is None:
            return
        kind, current = PERIODS[name]
        period = self.period
        if period is None or period.start <= datetime.now(UTC) < period.end:
            self.value = current
        else:
            self.value = period.of_kind(kind).label

    def _typed(self, text: str) -> None:
        if not self._setting and text.strip():
            self.value = text.strip()

    def _show(self) -> None:
        """Let the controls say what is chosen."""
        period = self.period
        self._setting = True
        try:
            kind = None if period is None else _KINDS.get(period.kind)
            self.picker.value = kind
            self.text.value = "" if kind else self.value
        finally:
            self._setting = False
        self.before.disabled = period is None
        self.after.disabled = period is None or period.end > datetime.now(UTC)
