"""From hourly load to outlooks and chances.

`outlook` says how busy each server will be, ``ahead`` is what was said in the form in which it is
kept, ``availability.availability`` how likely GPUs that are free now stay free,
``availability.waiting`` how long until enough are free, ``backtest`` how good each model was. All
are pure: frame in, frame out, clock and seed passed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scms.forecast.outlooks import outlook

__all__ = ["outlook"]


def __getattr__(name: str) -> Any:
    """`outlook` comes with numpy and pandas, which who only reads what was said does not need."""
    if name != "outlook":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scms.forecast import outlooks

    return outlooks.outlook
