-- Use per server and day of a period; where nothing was observed the hours of GPUs and CPUs are null.
-- parameters: period_start, period_end
-- grain: one row per server of the inventory, or with rows in the period, and day
-- columns:
--   server                name   the server
--   day                   time   start of the day in the time zone of the session
--   simulated_server_count  count  1 for a simulated server
--   observed_hours        hours  time the server answered
--   down_hours            hours  time it was known not to answer
--   expected_hours        hours  the time of the period that is in it
--   gpu_hours_*           hours  as in usage_by_device_15m
--   gpu_hours_down        hours  time it was down, times its GPUs
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_*           hours  as in usage_by_server_15m
WITH calendar AS (
    SELECT starts_at, hours, "day" FROM calendar_15m(period_start, period_end)
), bucket AS (
    SELECT "day", sum(hours) AS expected_hours FROM calendar GROUP BY "day"
), gpu AS (
    SELECT
        d.server,
        c."day",
        sum(d.gpu_hours_observed) AS gpu_hours_observed,
        sum(d.gpu_hours_available) AS gpu_hours_available,
        sum(d.gpu_hours_used) AS gpu_hours_used,
        sum(d.gpu_hours_idle_held) AS gpu_hours_idle_held,
        sum(d.gpu_hours_free) AS gpu_hours_free,
        sum(d.gpu_hours_utilized) AS gpu_hours_utilized,
        sum(d.gpu_hours_measured) AS gpu_hours_measured,
        sum(d.gpu_hours_memory_held) AS gpu_hours_memory_held,
        sum(d.energy_kwh) AS energy_kwh
    FROM usage_by_device_15m AS d
    JOIN calendar AS c ON c.starts_at = d.starts_at
    WHERE d.starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND d.starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY d.server, c."day"
), host AS (
    SELECT
        s.server,
        c."day",
        bool_or(s.simulated) AS simulated,
        max(s.gpu_count) AS gpu_count,
        sum(s.observed_seconds) / 3600 AS observed_hours,
        sum(s.down_seconds) / 3600 AS down_hours,
        sum(s.cpu_core_seconds_available) / 3600 AS cpu_hours_available,
        sum(s.cpu_core_seconds_used) / 3600 AS cpu_hours_used
    FROM server_usage_15m AS s
    JOIN calendar AS c ON c.starts_at = s.starts_at
    WHERE s.starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND s.starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY s.server, c."day"
), seen AS (
    SELECT server, bool_or(simulated) AS simulated, max(gpu_count) AS gpu_count
    FROM host
    GROUP BY server
), place AS (
    SELECT
        server,
        CAST(coalesce(seen.simulated, listed.simulated) AS INTEGER) AS simulated_server_count,
        seen.gpu_count
    FROM inventory AS listed
    FULL JOIN seen USING (server)
)
SELECT
    place.server,
    bucket."day",
    place.simulated_server_count,
    coalesce(host.observed_hours, 0) AS observed_hours,
    coalesce(host.down_hours, 0) AS down_hours,
    bucket.expected_hours,
    gpu.gpu_hours_observed,
    gpu.gpu_hours_available,
    gpu.gpu_hours_used,
    gpu.gpu_hours_idle_held,
    gpu.gpu_hours_free,
    gpu.gpu_hours_utilized,
    gpu.gpu_hours_measured,
    gpu.gpu_hours_memory_held,
    gpu.energy_kwh,
    host.down_hours * nullif(place.gpu_count, 0) AS gpu_hours_down,
    host.cpu_hours_available,
    host.cpu_hours_used
FROM place
CROSS JOIN bucket
LEFT JOIN host ON host.server = place.server AND host."day" = bucket."day"
LEFT JOIN gpu ON gpu.server = place.server AND gpu."day" = bucket."day"
