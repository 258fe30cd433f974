-- Who held GPUs without using them, since when and for how long, as far back as samples are kept.
-- A short burst of work does not end a stretch: what counts is the most part of a quarter of an
-- hour. Time that nobody observed ends it.
-- grain: one row per device, user and run of quarters of an hour of which the device was held without work for the most part
-- columns:
--   server                 text     name of the server in the inventory
--   device                 text     UUID of the GPU
--   device_index           count    index, last known; not a key
--   device_name            text     GPU model
--   user                   text     who holds most of its memory; null where nobody visible does
--   started_at             time     first sample of the run in state idle_held or ghost
--   last_seen_at           time     last such sample
--   is_current             boolean  true when the newest sample of the device is of this run
--   gpu_hours              hours    time observed in state idle_held or ghost
--   memory_used_bytes      bytes    most of the device memory that was held
WITH quarters AS (
    SELECT
        server,
        device,
        "user",
        time_bucket(INTERVAL '15 minutes', sampled_at) AS starts_at,
        arg_max(device_index, sampled_at) AS device_index,
        arg_max(device_name, sampled_at) AS device_name,
        max(sampled_at) AS newest_at,
        min(CASE WHEN state IN ('idle_held', 'ghost') THEN sampled_at END) AS first_idle_at,
        max(CASE WHEN state IN ('idle_held', 'ghost') THEN sampled_at END) AS last_idle_at,
        sum(CASE WHEN state IN ('idle_held', 'ghost') THEN observed_seconds ELSE 0 END)
            AS idle_seconds,
        sum(observed_seconds) AS observed_seconds,
        max(CASE WHEN state IN ('idle_held', 'ghost') THEN memory_used_bytes END)
            AS memory_used_bytes
    FROM device_sample
    GROUP BY server, device, "user", time_bucket(INTERVAL '15 minutes', sampled_at)
), dated AS (
    SELECT *, max(newest_at) OVER (PARTITION BY server, device) AS device_newest_at
    FROM quarters
), held AS (
    SELECT
        *,
        CASE
            WHEN epoch(starts_at) - epoch(
                lag(starts_at) OVER (PARTITION BY server, device, "user" ORDER BY starts_at)
            ) <= 900 THEN 0
            ELSE 1
        END AS begins
    FROM dated
    WHERE idle_seconds > 0 AND idle_seconds * 2 >= observed_seconds
), numbered AS (
    SELECT
        *,
        sum(begins) OVER (
            PARTITION BY server, device, "user" ORDER BY starts_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run
    FROM held
)
SELECT
    server,
    device,
    arg_max(device_index, starts_at) AS device_index,
    arg_max(device_name, starts_at) AS device_name,
    "user",
    min(first_idle_at) AS started_at,
    max(last_idle_at) AS last_seen_at,
    max(last_idle_at) = max(device_newest_at) AS is_current,
    sum(idle_seconds) / 3600 AS gpu_hours,
    max(memory_used_bytes) AS memory_used_bytes
FROM numbered
GROUP BY server, device, "user", run
