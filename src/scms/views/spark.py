"""What DuckDB and Spark write differently, beyond what sqlglot knows: one node at a time.

Input: a node of DuckDB's SQL. Output: the node that means the same on Spark and on Sail. Times are
counted in microseconds, so that both find the same ones to the last digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from scms.errors import QueryError

if TYPE_CHECKING:
    from sqlglot import exp

_MICROSECONDS: Final = {
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}


def spark_node(node: exp.Expr) -> exp.Expr:
    """The node as Spark has it; most stay what they are.

    Raises:
        QueryError: It has no counterpart that means the same.
    """
    from sqlglot import exp

    made = node
    if isinstance(node, exp.DateBin):
        made = _bucket(node)
    elif isinstance(node, exp.TimeToUnix):
        made = _epoch(node.this)
    elif isinstance(node, exp.UnixToTime):
        made = _time(exp.Mul(this=exp.paren(node.this), expression=exp.Literal.number("1E6")))
    elif isinstance(node, exp.GenerateSeries):
        made = _sequence(node)
    elif isinstance(node, exp.Extract) and node.name.upper() == "ISODOW":
        made = _weekday(node.expression)
    elif isinstance(node, exp.DayOfWeekIso):
        made = _weekday(node.this)
    elif isinstance(node, exp.Anonymous) and node.name.upper() == "TO_MINUTES":
        made = _minutes(node.expressions[0])
    elif isinstance(node, exp.Bracket) and not node.expressions[0].is_string:
        made = _element(node)
    elif isinstance(node, exp.Join) and node.method == "ASOF":
        raise QueryError("ASOF JOIN is not known to Spark", expected="a join on a range of times")
    return made


def _element(node: exp.Bracket) -> exp.Expr:
    """An element of a list, counted from 1; null where there is none."""
    from sqlglot import exp

    number = exp.cast(node.expressions[0], "INTEGER")
    return exp.Anonymous(this="TRY_ELEMENT_AT", expressions=[node.this, number])


def _minutes(count: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    zero = exp.Literal.number(0)
    return exp.Anonymous(this="MAKE_DT_INTERVAL", expressions=[zero, zero.copy(), count])


def _bucket(node: exp.DateBin) -> exp.Expr:
    """The start of the bucket that a time is in, counted from the epoch."""
    from sqlglot import exp

    interval = cast("exp.Interval", node.this)
    unit = interval.text("unit").upper().removesuffix("S")
    if unit not in _MICROSECONDS or node.args.get("zone"):
        raise QueryError(
            f"time_bucket by {interval.sql('duckdb')} is not known to Spark",
            expected="an interval of seconds, minutes, hours or days",
        )
    width = exp.Literal.number(int(interval.this.name) * _MICROSECONDS[unit])
    rest = exp.func("PMOD", _micros(node.expression), width)
    return _time(exp.Sub(this=_micros(node.expression), expression=rest))


def _epoch(time: exp.Expr) -> exp.Expr:
    """Seconds since 1970; of a difference of times, its seconds."""
    from sqlglot import exp

    inner = time.unnest()
    if isinstance(inner, exp.Sub):
        count: exp.Expr = exp.paren(
            exp.Sub(this=_micros(inner.left), expression=_micros(inner.right))
        )
    else:
        count = _micros(inner)
    return exp.paren(exp.Div(this=count, expression=exp.Literal.number("1E6")))


def _sequence(node: exp.GenerateSeries) -> exp.Expr:
    """An array of times or days; its end is no part of it where DuckDB's ``range`` is meant."""
    from sqlglot import exp

    end = node.args["end"]
    if node.args.get("is_end_exclusive"):
        moment = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("MICROSECOND"))
        end = exp.Sub(this=exp.paren(end), expression=moment)
    return exp.Anonymous(this="SEQUENCE", expressions=[node.args["start"], end, node.args["step"]])


def _weekday(time: exp.Expr) -> exp.Expr:
    """1 for Monday to 7 for Sunday; Spark counts from 1 for Sunday."""
    from sqlglot import exp

    after_sunday = exp.Add(
        this=exp.Anonymous(this="DAYOFWEEK", expressions=[time]), expression=exp.Literal.number(5)
    )
    seven = exp.Literal.number(7)
    days = exp.Mod(this=exp.paren(after_sunday), expression=seven)
    return exp.paren(exp.Add(this=exp.paren(days), expression=exp.Literal.number(1)))


def _micros(time: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(this="UNIX_MICROS", expressions=[time.copy()])


def _time(micros: exp.Expr) -> exp.Expr:
    """A time of the session's zone; Sail would make it one of UTC, and take its hours there."""
    from sqlglot import exp

    made = exp.Anonymous(this="TIMESTAMP_MICROS", expressions=[exp.cast(micros, "BIGINT")])
    return exp.cast(made, "TIMESTAMPTZ")
