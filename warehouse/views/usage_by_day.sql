-- Use of all servers together per day of a period; a day without rows is a gap, not idle time.
-- parameters: period_start, period_end
-- grain: one row per day of the period, from midnight to midnight in the time zone of the session
-- columns:
--   day                   time   its start
--   server_count          count  servers that could have answered
--   simulated_server_count  count  of which simulated
--   observed_hours        hours  server time observed
--   down_hours            hours  server time known to be down
--   expected_hours        hours  servers times the part of the day in the period
--   gpu_hours_*           hours  as in usage_by_device_15m
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_*           hours  as in usage_by_server_15m
WITH bucket AS (
    -- Days are counted as dates and then made instants: midnights are 23 to 25 hours apart.
    SELECT CAST(CAST("date" AS TIMESTAMP) AS TIMESTAMPTZ) AS "day"
    FROM (
        SELECT unnest(generate_series(
            CAST(CAST(period_start AS TIMESTAMPTZ) AS DATE),
            CAST(CAST(period_end AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND AS DATE),
            INTERVAL 1 DAY
        )) AS "date"
    )
), bounded AS (
    SELECT
        "day",
        lead("day", 1, CAST(period_end AS TIMESTAMPTZ)) OVER (ORDER BY "day") AS ends_at
    FROM bucket
), watched AS (
    SELECT sum(server_count) AS server_count, sum(simulated_server_count) AS simulated_server_count
    FROM usage_by_server(period_start, period_end)
), quarter AS (
    SELECT * FROM usage_by_server_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
), observed AS (
    SELECT
        bucket."day",
        sum(observed_hours) AS observed_hours,
        sum(down_hours) AS down_hours,
        sum(gpu_hours_observed) AS gpu_hours_observed,
        sum(gpu_hours_available) AS gpu_hours_available,
        sum(gpu_hours_used) AS gpu_hours_used,
        sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
        sum(gpu_hours_free) AS gpu_hours_free,
        sum(gpu_hours_utilized) AS gpu_hours_utilized,
        sum(gpu_hours_measured) AS gpu_hours_measured,
        sum(energy_kwh) AS energy_kwh,
        sum(cpu_hours_available) AS cpu_hours_available,
        sum(cpu_hours_used) AS cpu_hours_used
    FROM quarter
    ASOF JOIN bucket ON quarter.starts_at >= bucket."day"
    GROUP BY bucket."day"
)
SELECT
    bounded."day",
    watched.server_count,
    watched.simulated_server_count,
    coalesce(observed.observed_hours, 0) AS observed_hours,
    coalesce(observed.down_hours, 0) AS down_hours,
    watched.server_count * epoch(bounded.ends_at - bounded."day") / 3600 AS expected_hours,
    observed.* EXCLUDE ("day", observed_hours, down_hours)
FROM bounded
CROSS JOIN watched
LEFT JOIN observed ON observed."day" = bounded."day"
ORDER BY bounded."day"
