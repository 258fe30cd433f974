-- The quarters of an hour of a period, and the hour, day and hour of the week that each is in.
-- parameters: period_start, period_end
-- grain: one row per quarter of an hour that begins in the period, in the zone of the session
-- columns:
--   starts_at             time   its start
--   hours                 hours  how much of it lies in the period: 0.25 but for the last
--   hour                  time   start of its hour, counted from period_start: 25 on a long day
--   day                   time   start of its day
--   weekday               count  1 for Monday to 7 for Sunday
--   hour_of_day           count  0 to 23 on the clock; an hour that is struck twice is one
--   hour_of_week          count  0 for Monday 00:00 to 167
WITH quarter AS (
    SELECT unnest(generate_series(
        CAST(period_start AS TIMESTAMPTZ),
        CAST(period_end AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND,
        INTERVAL 15 MINUTE
    )) AS starts_at
)
SELECT
    starts_at,
    least(900, epoch(CAST(period_end AS TIMESTAMPTZ)) - epoch(starts_at)) / 3600 AS hours,
    to_timestamp(
        epoch(CAST(period_start AS TIMESTAMPTZ))
        + floor((epoch(starts_at) - epoch(CAST(period_start AS TIMESTAMPTZ))) / 3600) * 3600
    ) AS "hour",
    -- Days are counted as dates and then made instants: midnights are 23 to 25 hours apart.
    CAST(CAST(CAST(starts_at AS DATE) AS TIMESTAMP) AS TIMESTAMPTZ) AS "day",
    extract(isodow FROM starts_at) AS weekday,
    extract(hour FROM starts_at) AS hour_of_day,
    (extract(isodow FROM starts_at) - 1) * 24 + extract(hour FROM starts_at) AS hour_of_week
FROM quarter
