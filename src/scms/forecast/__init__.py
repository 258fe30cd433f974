"""From hourly load to outlooks and chances.

`outlook` says how busy each server will be, ``availability.availability`` how likely GPUs that are
free now stay free, ``availability.waiting`` how long until enough are free, ``backtest`` how good
each model was. All are pure: frame in, frame out, clock and seed passed in.
"""

from scms.forecast.outlooks import outlook

__all__ = ["outlook"]
