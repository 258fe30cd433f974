-- GPU and CPU use of a server side by side; GPU columns are null where there is no GPU.
-- grain: one row per server and quarter of an hour
-- columns:
--   server                name   the server
--   starts_at             time   start of the quarter of an hour
--   simulated             yes/no whether the simulator answered for it
--   observed_hours        hours  time the server answered
--   down_hours            hours  time it was known not to answer
--   gpu_count             count  most GPUs that answered in a tick
--   gpu_hours_*           hours  as in usage_by_device_15m
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_available   hours  CPUs times time observed with CPU facts
--   cpu_hours_used        hours  of which used
WITH gpu AS (
    SELECT
        server,
        starts_at,
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
    GROUP BY server, starts_at
)
SELECT
    server,
    starts_at,
    simulated,
    observed_seconds / 3600 AS observed_hours,
    down_seconds / 3600 AS down_hours,
    gpu_count,
    gpu_hours_observed,
    gpu_hours_available,
    gpu_hours_used,
    gpu_hours_idle_held,
    gpu_hours_free,
    gpu_hours_utilized,
    gpu_hours_measured,
    gpu_hours_memory_held,
    energy_kwh,
    cpu_core_seconds_available / 3600 AS cpu_hours_available,
    cpu_core_seconds_used / 3600 AS cpu_hours_used
FROM server_usage_15m
LEFT JOIN gpu USING (server, starts_at)
