-- How often and how long servers were down in a period, from the rollups, which are kept for ever.
-- Quarters of an hour in a row with time down are one outage, also across time without a watcher.
-- The view outages has the exact moments, as long as events are kept.
-- parameters: period_start, period_end
-- grain: one row per server with rows in the period
-- columns:
--   server                name   the server
--   outage_count          count  outages that touch the period
--   down_hours            hours  time it was known not to answer
--   observed_hours        hours  time it answered
--   gpu_count             count  most GPUs that answered in a tick
WITH quarter AS (
    SELECT
        server,
        down_seconds,
        observed_seconds,
        gpu_count,
        lag(down_seconds, 1, 0) OVER (PARTITION BY server ORDER BY starts_at) AS down_before
    FROM server_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
)
SELECT
    server,
    sum(CASE WHEN down_seconds > 0 AND down_before = 0 THEN 1 ELSE 0 END) AS outage_count,
    sum(down_seconds) / 3600 AS down_hours,
    sum(observed_seconds) / 3600 AS observed_hours,
    max(gpu_count) AS gpu_count
FROM quarter
GROUP BY server
ORDER BY outage_count DESC, server
