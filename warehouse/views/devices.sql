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
--   parent_device          text     UUID of the GPU of which it is a part (MIG), last known
--   power_limit_watts      watts    enforced limit, last known
WITH described AS (
    SELECT
        server,
        device,
        arg_max(parent_device, valid_from) AS parent_device,
        arg_max(power_limit_watts, valid_from) AS power_limit_watts
    FROM device_dimension
    GROUP BY server, device
),
seen AS (
    SELECT
        server,
        device,
        arg_max(device_index, starts_at) AS device_index,
        arg_max(device_name, starts_at) AS device_name,
        arg_max(memory_total_bytes, starts_at) AS memory_total_bytes,
        min(starts_at) AS first_seen_at,
        max(starts_at) AS last_seen_at,
        sum(observed_seconds) AS observed_seconds
    FROM device_usage_15m
    GROUP BY server, device
)
SELECT
    s.server,
    s.device,
    i."group",
    i.simulated,
    s.device_index,
    s.device_name,
    s.memory_total_bytes,
    s.first_seen_at,
    s.last_seen_at,
    s.observed_seconds,
    d.parent_device,
    d.power_limit_watts
FROM seen AS s
LEFT JOIN inventory AS i ON i.server = s.server
LEFT JOIN described AS d ON d.server = s.server AND d.device = s.device
