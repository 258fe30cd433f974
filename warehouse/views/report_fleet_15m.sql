-- Room for work on all servers together, for what a request would have met.
-- parameters: period_start, period_end
-- grain: one row per quarter of an hour of the period
-- columns:
--   starts_at             time   its start
--   hours                 hours  how much of it lies in the period
--   servers_observed      count  servers with GPUs that were read; 0 when nobody watched
--   servers_free          count  of which with a free GPU
--   servers_full          count  of which with none
--   gpus_observed         count  GPUs that were read
--   gpus_free             count  of which free
--   gpus_used             count  mean number of busy GPUs; null when nobody watched
--   most_gpus_free        count  on the server with most free ones; null when nobody watched
WITH quarter AS (
    SELECT
        starts_at,
        count(*) AS servers_observed,
        sum(CASE WHEN gpus_free > 0 THEN 1 ELSE 0 END) AS servers_free,
        sum(CASE WHEN is_full THEN 1 ELSE 0 END) AS servers_full,
        sum(gpu_count) AS gpus_observed,
        sum(gpus_free) AS gpus_free,
        sum(gpus_used) AS gpus_used,
        max(gpus_free) AS most_gpus_free
    FROM report_room_15m
    WHERE gpu_count > 0
      AND starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY starts_at
)
SELECT
    c.starts_at,
    c.hours,
    coalesce(quarter.servers_observed, 0) AS servers_observed,
    coalesce(quarter.servers_free, 0) AS servers_free,
    coalesce(quarter.servers_full, 0) AS servers_full,
    coalesce(quarter.gpus_observed, 0) AS gpus_observed,
    coalesce(quarter.gpus_free, 0) AS gpus_free,
    quarter.gpus_used,
    quarter.most_gpus_free
FROM calendar_15m(period_start, period_end) AS c
LEFT JOIN quarter ON quarter.starts_at = c.starts_at
ORDER BY c.starts_at
