-- Use by a user per server and quarter of an hour, for the days that are not rolled up yet. The
-- rollup user_15m is filled with these very rows when a day is over.
-- Its columns are those of user_15m.
-- grain: one row per server, user and quarter of an hour with at least one process
WITH ticks AS (
    SELECT
        server,
        "user",
        sampled_at,
        sum(CASE WHEN device_state = 'busy'
            THEN observed_seconds * coalesce(device_share_ratio, 0) ELSE 0 END) AS busy,
        sum(CASE WHEN device_state = 'idle_held'
            THEN observed_seconds * coalesce(device_share_ratio, 0) ELSE 0 END) AS idle_held,
        coalesce(sum(gpu_memory_used_bytes * observed_seconds), 0) AS memory,
        coalesce(sum(cpu_cores_used * observed_seconds), 0) AS cpu,
        count(DISTINCT pid) AS process_count
    FROM process_sample_open
    GROUP BY server, "user", sampled_at
)
SELECT
    server,
    "user",
    time_bucket(INTERVAL '15 minutes', sampled_at) AS starts_at,
    sum(busy) AS gpu_busy_seconds,
    sum(idle_held) AS gpu_idle_held_seconds,
    sum(memory) AS gpu_memory_byte_seconds,
    sum(cpu) AS cpu_core_seconds,
    max(process_count) AS process_count_max
FROM ticks
GROUP BY server, "user", time_bucket(INTERVAL '15 minutes', sampled_at)
