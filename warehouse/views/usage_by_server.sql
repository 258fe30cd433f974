-- Use per server in a period; servers of the inventory that never answered are rows of nulls.
-- parameters: period_start, period_end
-- grain: one row per server of the inventory, or with rows in the period
-- columns:
--   server                name   the server
--   group                 name   who owns it; null when nobody is named
--   simulated             yes/no whether the simulator answered for it
--   server_count          count  1, to be added up
--   simulated_server_count  count  1 for a simulated one
--   gpu_count             count  most GPUs that answered in a tick
--   observed_hours        hours  time the server answered
--   down_hours            hours  time it was known not to answer
--   expected_hours        hours  from period_start to period_end
--   gpu_hours_*           hours  as in usage_by_device_15m
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_*           hours  as in usage_by_server_15m
WITH observed AS (
    SELECT
        server,
        bool_or(simulated) AS simulated,
        max(gpu_count) AS gpu_count,
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
    FROM usage_by_server_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY server
)
SELECT
    server,
    listed."group",
    coalesce(observed.simulated, listed.simulated) AS simulated,
    1 AS server_count,
    CAST(coalesce(observed.simulated, listed.simulated) AS INTEGER) AS simulated_server_count,
    gpu_count,
    coalesce(observed_hours, 0) AS observed_hours,
    coalesce(down_hours, 0) AS down_hours,
    epoch(CAST(period_end AS TIMESTAMPTZ) - CAST(period_start AS TIMESTAMPTZ)) / 3600
        AS expected_hours,
    gpu_hours_observed,
    gpu_hours_available,
    gpu_hours_used,
    gpu_hours_idle_held,
    gpu_hours_free,
    gpu_hours_utilized,
    gpu_hours_measured,
    energy_kwh,
    cpu_hours_available,
    cpu_hours_used
FROM inventory AS listed
FULL JOIN observed USING (server)
ORDER BY listed.position NULLS LAST, server
