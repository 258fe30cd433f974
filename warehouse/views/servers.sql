-- The servers that were seen in the time asked for.
-- grain: one row per server
-- columns:
--   server                 text     name of the server in the inventory
--   group                  text     who owns it; null where the inventory does not say
--   tags                   list     list of its tags; null where it left the inventory
--   simulated              boolean  true for servers of the simulated lab
--   first_seen_at          time     first quarter of an hour with a sample or failure
--   last_seen_at           time     last quarter of an hour with a sample or failure
--   observed_seconds       seconds  time observed up or degraded
--   down_seconds           seconds  time observed down
--   cpu_count              count    logical CPUs, last known
--   memory_total_bytes     bytes    RAM, last known
--   gpu_count              count    GPUs, last known
SELECT
    s.server,
    i."group",
    i.tags,
    bool_or(s.simulated) AS simulated,
    min(s.starts_at) AS first_seen_at,
    max(s.starts_at) AS last_seen_at,
    sum(s.observed_seconds) AS observed_seconds,
    sum(s.down_seconds) AS down_seconds,
    arg_max(s.cpu_count, s.starts_at) AS cpu_count,
    arg_max(s.memory_total_bytes, s.starts_at) AS memory_total_bytes,
    arg_max(s.gpu_count, s.starts_at) AS gpu_count
FROM server_usage_15m AS s
LEFT JOIN inventory AS i ON i.server = s.server
GROUP BY s.server, i."group", i.tags
