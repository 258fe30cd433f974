-- Room for work on each server with GPUs: what was free, and whether nothing was.
-- grain: one row per server and quarter of an hour with at least one reading of a GPU
-- columns:
--   server                name   the server
--   starts_at             time   start of the quarter of an hour
--   gpu_count             count  GPUs that were read for at least half of it
--   gpus_free             count  of which free for all the time that they were read
--   gpus_used             count  mean number of busy GPUs, of those read
--   gpu_hours_free        hours  free time, also of GPUs that were free for a part
--   is_full               yes/no GPUs were read, and none was free for a second
--   memory_total_bytes    bytes  memory of its largest GPU; 0 when it is not known
SELECT
    server,
    starts_at,
    sum(CASE WHEN observed_seconds >= 450 THEN 1 ELSE 0 END) AS gpu_count,
    -- A second of slack: ticks straddle the edges of a quarter.
    sum(CASE WHEN free_seconds >= 450 AND observed_seconds - free_seconds <= 1 THEN 1 ELSE 0 END)
        AS gpus_free,
    sum(busy_seconds / nullif(observed_seconds, 0)) AS gpus_used,
    sum(free_seconds) / 3600 AS gpu_hours_free,
    sum(free_seconds) <= 1 AND sum(busy_seconds + idle_held_seconds + ghost_seconds) >= 450
        AS is_full,
    coalesce(max(memory_total_bytes), 0) AS memory_total_bytes
FROM device_usage_15m
GROUP BY server, starts_at
