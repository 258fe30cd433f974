"""The tables of what we said, declared: forecasts, recommendations and holds; see `scms.tables`.

Kept for ever, so that what was promised can be held against what happened.
"""

from __future__ import annotations

from typing import Final

from scms.columns import SERVER, Column, Table

_MADE_BY: Final = Column(
    "made_by", "string", "the collector, or the user and program, that said it", required=True
)
_SAID_AT: Final = Column("said_at", "timestamp", "when it was said, UTC", required=True)

OUTLOOK: Final = Table(
    name="outlook",
    doc="What was forecast of a server: a mean and an interval for each hour to come.",
    grain="one row per outlook, server, measure and hour spoken of",
    time="origin",
    partition="month",
    sort=("server", "origin"),
    columns=(
        SERVER,
        Column(
            "origin", "timestamp", "when it was said: only earlier data was used", required=True
        ),
        Column("ts", "timestamp", "start of the hour spoken of, UTC", required=True),
        Column("horizon_hours", "integer", "hours from origin to the hour's end", required=True),
        Column("measure", "string", "the measure of load that is forecast", required=True),
        Column("mean", "float", "expected value, in the unit of the measure"),
        Column("lower", "float", "lower end of the interval"),
        Column("upper", "float", "upper end of the interval"),
        Column("level", "float", "share of such intervals that should hold the truth: 0 to 1"),
        Column("p_free", "float", "chance that a GPU is free in that hour; null where not asked"),
        Column("model", "string", "the model that was used for this server", required=True),
        Column(
            "coverage_ratio",
            "float",
            "share of past intervals of this model and server that held the truth",
        ),
        _MADE_BY,
        Column("outlook_id", "string", "shared by all rows of one forecast", required=True),
    ),
)

RECOMMENDATION: Final = Table(
    name="recommendation",
    doc="What was recommended to whom, with the chance that was promised.",
    grain="one row per recommendation and candidate shown",
    time="said_at",
    partition="month",
    sort=("said_at", "recommendation_id", "rank"),
    columns=(
        Column(
            "recommendation_id", "string", "shared by all candidates of one answer", required=True
        ),
        _SAID_AT,
        Column(
            "rank",
            "integer",
            "1 for the first choice; shared by servers that take a job together",
            required=True,
        ),
        SERVER,
        Column("devices", "string", "UUIDs of the GPUs, comma-separated", required=True),
        Column("gpus", "integer", "GPUs that were asked for, of this server", required=True),
        Column("hours", "float", "for how long", required=True),
        Column("probability", "float", "promised chance that they stay free so long"),
        Column("pool_probability", "float", "the same from all servers alike, for comparison"),
        Column("cases", "integer", "past cases that the chance rests on"),
        Column("policy", "string", "how near-ties were ordered", required=True),
        Column("request", "string", "what was asked for, as JSON", required=True),
        Column("user", "string", "for whom; null where not said"),
        Column("hold_id", "string", "null: a hold names the answer that it was taken from"),
        _MADE_BY,
    ),
)

HOLD: Final = Table(
    name="hold",
    doc="What happened to holds, the short claims on GPUs.",
    grain="one row per hold and change of it",
    time="said_at",
    partition="month",
    sort=("said_at", "hold_id"),
    columns=(
        Column("hold_id", "string", "the hold; one per GPU", required=True),
        _SAID_AT,
        Column("action", "string", "taken, renewed, released or expired", required=True),
        SERVER,
        Column("device", "string", "UUID of the GPU", required=True),
        Column("user", "string", "who holds it", required=True),
        Column("purpose", "string", "what for, as said"),
        Column("expires_at", "timestamp", "when it ends by itself, UTC", required=True),
        Column(
            "recommendation_id",
            "string",
            "the answer that it was taken from; null where from none, and in later changes of it",
        ),
    ),
)
