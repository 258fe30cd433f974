-- The load of a server hour by hour, for forecasts: gaps and outages show as low coverage.
-- grain: one row per server and hour of UTC with at least one sample or failure
-- columns:
--   server                 text   name of the server in the inventory
--   ts                     time   start of the hour
--   gpus_busy              GPUs   mean number not free (busy, idle_held, ghost or faulty) while observed; null without GPUs or observation
--   gpu_count              GPUs   most that answered in the hour; null when the driver could not tell
--   cpu_utilization_ratio  ratio  share of CPU time used while observed
--   coverage_ratio         ratio  share of the hour observed: of all GPU time where there are GPUs, else of the server's time
WITH device_hour AS (
    SELECT
        server,
        to_timestamp(floor(epoch(starts_at) / 3600) * 3600) AS ts,
        count(DISTINCT device) AS device_count,
        sum(busy_seconds + idle_held_seconds + ghost_seconds + faulty_seconds) AS taken_seconds,
        sum(free_seconds + busy_seconds + idle_held_seconds + ghost_seconds + faulty_seconds) AS known_seconds
    FROM device_usage_15m
    GROUP BY ALL
),
server_hour AS (
    SELECT
        server,
        to_timestamp(floor(epoch(starts_at) / 3600) * 3600) AS ts,
        max(gpu_count) AS gpu_count,
        sum(observed_seconds) AS observed_seconds,
        sum(cpu_core_seconds_used) AS cpu_core_seconds_used,
        sum(cpu_core_seconds_available) AS cpu_core_seconds_available
    FROM server_usage_15m
    GROUP BY ALL
)
SELECT
    s.server,
    s.ts,
    -- Devices of one server are few and alike in coverage: their mean share stands for all of them.
    d.taken_seconds / nullif(d.known_seconds, 0) * greatest(s.gpu_count, d.device_count) AS gpus_busy,
    greatest(s.gpu_count, d.device_count) AS gpu_count,
    s.cpu_core_seconds_used / nullif(s.cpu_core_seconds_available, 0) AS cpu_utilization_ratio,
    least(
        1.0,
        CASE
            WHEN greatest(s.gpu_count, d.device_count) > 0
                THEN coalesce(d.known_seconds, 0) / (3600 * greatest(s.gpu_count, d.device_count))
            ELSE s.observed_seconds / 3600
        END
    ) AS coverage_ratio
FROM server_hour AS s
LEFT JOIN device_hour AS d ON d.server = s.server AND d.ts = s.ts
