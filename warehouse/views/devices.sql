-- The GPUs that were seen in the time asked for.
-- grain: one row per server and device
-- columns:
--   server                 text     name of the server in the inventory
--   device                 text     UUID of the GPU
--   group                  text     who owns the server; null where the inventory does not say
--   simulated              boolean  true for the simulated lab; null where not in the inventory
--   device_index           count    index, last known; not a key
--   device_name            text     GPU model
--   memory_total_bytes     bytes    device memory
--   first_seen_at          time     first quarter of an hour with a sample
--   last_seen_at           time     last quarter of an hour with a sample
--   observed_seconds       seconds  time observed, any state
SELECT
    d.server,
    d.device,
    i."group",
    i.simulated,
    arg_max(d.device_index, d.starts_at) AS device_index,
    arg_max(d.device_name, d.starts_at) AS device_name,
    arg_max(d.memory_total_bytes, d.starts_at) AS memory_total_bytes,
    min(d.starts_at) AS first_seen_at,
    max(d.starts_at) AS last_seen_at,
    sum(d.observed_seconds) AS observed_seconds
FROM device_usage_15m AS d
LEFT JOIN inventory AS i ON i.server = d.server
GROUP BY d.server, d.device, i."group", i.simulated
