-- Use per server in a period; servers of the inventory that never answered are rows of nulls.
-- parameters: period_start, period_end
-- grain: one row per server of the inventory, or with rows in the period
-- columns:
--   server                name   the server
--   group                 name   who owns it; null when nobody is named
--   tags                  list   its words of the inventory; null when it is not in there
--   simulated             yes/no whether the simulator answered for it
--   server_count          count  1, to be added up
--   simulated_server_count  count  1 for a simulated one
--   gpu_count             count  most GPUs that answered in a tick
--   observed_hours        hours  time the server answered
--   down_hours            hours  time it was known not to answer
--   expected_hours        hours  from period_start to period_end
--   gpu_hours_*           hours  as in usage_by_device_15m
--   gpu_hours_down        hours  time it was down, times its GPUs
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_*           hours  as in usage_by_server_15m
WITH gpu AS (
    SELECT
        server,
        sum(gpu_hours_observed) AS gpu_hours_observed,
        sum(gpu_hours_available) AS gpu_hours_available,
        sum(gpu_hours_used) AS gpu_hours_used,
        sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
        sum(gpu_hours_free) AS gpu_hours_free,
        sum(gpu_hours_utilized) AS gpu_hours_utilized,
        sum(gpu_hours_measured) AS gpu_hours_measured,
        sum(gpu_hours_memory_held) AS gpu_hours_memory_held,
        sum(energy_kwh) AS energy_kwh
    FROM usage_by_device_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY server
), host AS (
    SELECT
        server,
        bool_or(simulated) AS simulated,
        max(gpu_count) AS gpu_count,
        sum(observed_seconds) / 3600 AS observed_hours,
        sum(down_seconds) / 3600 AS down_hours,
        sum(cpu_core_seconds_available) / 3600 AS cpu_hours_available,
        sum(cpu_core_seconds_used) / 3600 AS cpu_hours_used
    FROM server_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY server
)
SELECT
    server,
    listed."group",
    listed.tags,
    coalesce(host.simulated, listed.simulated) AS simulated,
    1 AS server_count,
    CAST(coalesce(host.simulated, listed.simulated) AS INTEGER) AS simulated_server_count,
    host.gpu_count,
    coalesce(host.observed_hours, 0) AS observed_hours,
    coalesce(host.down_hours, 0) AS down_hours,
    (epoch(CAST(period_end AS TIMESTAMPTZ)) - epoch(CAST(period_start AS TIMESTAMPTZ))) / 3600
        AS expected_hours,
    gpu.gpu_hours_observed,
    gpu.gpu_hours_available,
    gpu.gpu_hours_used,
    gpu.gpu_hours_idle_held,
    gpu.gpu_hours_free,
    gpu.gpu_hours_utilized,
    gpu.gpu_hours_measured,
    gpu.gpu_hours_memory_held,
    gpu.energy_kwh,
    host.down_hours * nullif(host.gpu_count, 0) AS gpu_hours_down,
    host.cpu_hours_available,
    host.cpu_hours_used
FROM inventory AS listed
FULL JOIN host USING (server)
LEFT JOIN gpu USING (server)
ORDER BY listed.position NULLS LAST, server
