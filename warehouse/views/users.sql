-- The users whose processes were seen in the time asked for.
-- grain: one row per user; one with user null where owners are hidden
-- columns:
--   user                   text     login name; null where owners are hidden
--   first_seen_at          time     first quarter of an hour with a process
--   last_seen_at           time     last quarter of an hour with a process
--   server_count           count    servers with processes of the user
--   gpu_hours_used         hours    the user's share of devices in state busy
--   gpu_hours_idle_held    hours    the user's share of devices in state idle_held
--   cpu_hours_used         hours    CPU time of the user's processes
SELECT
    "user",
    min(starts_at) AS first_seen_at,
    max(starts_at) AS last_seen_at,
    count(DISTINCT server) AS server_count,
    sum(gpu_busy_seconds) / 3600 AS gpu_hours_used,
    sum(gpu_idle_held_seconds) / 3600 AS gpu_hours_idle_held,
    sum(cpu_core_seconds) / 3600 AS cpu_hours_used
FROM user_usage_15m
GROUP BY "user"
