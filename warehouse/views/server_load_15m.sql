-- Load of a server per quarter of an hour: the mean, and the lowest and highest of any tick, so that
-- a spike is seen from afar. What was not observed has no row.
-- grain: one row per server and quarter of an hour with at least one sample
-- columns:
--   server      text    name of the server in the inventory
--   starts_at   time    start of the quarter of an hour, in the zone of the cluster
--   cpu_mean    ratio   use of its CPUs, weighted by time
--   cpu_min     ratio   lowest of a tick
--   cpu_max     ratio   highest of a tick
--   memory_max  ratio   most RAM in use, of all
--   gpu_mean    ratio   utilisation of its GPUs, weighted by time; null without a GPU
--   gpu_min     ratio   lowest of a tick and GPU
--   gpu_max     ratio   highest of a tick and GPU
SELECT
    s.server,
    s.starts_at,
    s.cpu_core_seconds_used / nullif(s.cpu_core_seconds_available, 0) AS cpu_mean,
    s.cpu_utilization_ratio_min AS cpu_min,
    s.cpu_utilization_ratio_max AS cpu_max,
    s.memory_used_bytes_max / nullif(s.memory_total_bytes, 0) AS memory_max,
    d.gpu_mean,
    d.gpu_min,
    d.gpu_max
FROM server_usage_15m AS s
LEFT JOIN (
    SELECT
        server,
        starts_at,
        sum(gpu_utilization_seconds)
        / nullif(
            sum(CASE WHEN gpu_utilization_seconds IS NOT NULL THEN observed_seconds END), 0
        ) AS gpu_mean,
        min(gpu_utilization_ratio_min) AS gpu_min,
        max(gpu_utilization_ratio_max) AS gpu_max
    FROM device_usage_15m
    GROUP BY server, starts_at
) AS d ON d.server = s.server AND d.starts_at = s.starts_at
WHERE s.sample_count > 0
