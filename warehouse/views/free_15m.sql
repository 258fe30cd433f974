-- Free GPUs of a server per quarter of an hour, for the chance that they stay free.
-- grain: one row per server with GPUs and quarter of an hour with at least one sample or failure
-- columns:
--   server     text     name of the server in the inventory
--   starts_at  time     start of the quarter of an hour
--   gpus_free  GPUs     devices that were free all the time they were observed, at least half of the slot
--   gpu_count  GPUs     most that answered in the slot; null when the driver could not tell
--   observed   boolean  the server was observed, up, and the state of a device known, for at least half of the slot
WITH device_slot AS (
    SELECT
        server,
        starts_at,
        count(DISTINCT device) AS device_count,
        -- A second of slack: ticks straddle the edges of a slot.
        count(DISTINCT device) FILTER (
            WHERE free_seconds >= 450
            AND busy_seconds + idle_held_seconds + ghost_seconds + faulty_seconds + unknown_seconds <= 1
        ) AS gpus_free,
        max(free_seconds + busy_seconds + idle_held_seconds + ghost_seconds + faulty_seconds) AS known_seconds
    FROM device_usage_15m
    GROUP BY ALL
)
SELECT
    s.server,
    s.starts_at,
    coalesce(d.gpus_free, 0) AS gpus_free,
    greatest(s.gpu_count, d.device_count) AS gpu_count,
    s.observed_seconds >= 450 AND coalesce(d.known_seconds, 0) >= 450 AS observed
FROM server_usage_15m AS s
LEFT JOIN device_slot AS d ON d.server = s.server AND d.starts_at = s.starts_at
-- A server that is down tells no GPU count; one that is up and has none is left out.
WHERE coalesce(s.gpu_count, d.device_count) IS NULL OR greatest(s.gpu_count, d.device_count) > 0
