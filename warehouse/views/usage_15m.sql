-- Use of a server per quarter of an hour, in hours of its GPUs and CPUs.
-- grain: one row per server and quarter of an hour with at least one sample or failure
-- columns:
--   server                 text     name of the server in the inventory
--   group                  text     who owns it; null where the inventory does not say
--   starts_at              time     start of the quarter of an hour, in the zone of the cluster
--   simulated              boolean  true for servers of the simulated lab
--   observed_seconds       seconds  time observed up or degraded; what was not observed is nowhere
--   down_seconds           seconds  time observed down
--   gpu_hours_observed     hours    time GPUs were observed in any state
--   gpu_hours_available    hours    of which neither faulty nor unknown
--   gpu_hours_used         hours    of which busy
--   gpu_hours_idle_held    hours    of which idle_held or ghost: memory held without work
--   gpu_hours_free         hours    of which free
--   gpu_hours_measured     hours    of which utilisation could be read
--   gpu_hours_utilized     hours    integral of utilisation over these
--   gpu_utilization_ratio  ratio    gpu_hours_utilized / gpu_hours_measured; null without any
--   energy_kwh             kWh      drawn by GPU boards; null where power cannot be read
--   cpu_hours_available    hours    CPUs times time observed with CPU facts
--   cpu_hours_used         hours    of which used
--   cpu_utilization_ratio  ratio    cpu_hours_used / cpu_hours_available; null without any
WITH gpu AS (
    SELECT
        server,
        starts_at,
        sum(observed_seconds) AS observed_seconds,
        sum(observed_seconds - faulty_seconds - unknown_seconds) AS available_seconds,
        sum(busy_seconds) AS busy_seconds,
        sum(idle_held_seconds + ghost_seconds) AS idle_seconds,
        sum(free_seconds) AS free_seconds,
        sum(CASE WHEN gpu_utilization_seconds IS NOT NULL
            THEN observed_seconds - faulty_seconds - unknown_seconds ELSE 0
        END) AS measured_seconds,
        sum(gpu_utilization_seconds) AS utilized_seconds,
        sum(energy_joules) AS energy_joules
    FROM device_usage_15m
    GROUP BY server, starts_at
)
SELECT
    s.server,
    i."group",
    s.starts_at,
    s.simulated,
    s.observed_seconds,
    s.down_seconds,
    coalesce(g.observed_seconds, 0) / 3600 AS gpu_hours_observed,
    coalesce(g.available_seconds, 0) / 3600 AS gpu_hours_available,
    coalesce(g.busy_seconds, 0) / 3600 AS gpu_hours_used,
    coalesce(g.idle_seconds, 0) / 3600 AS gpu_hours_idle_held,
    coalesce(g.free_seconds, 0) / 3600 AS gpu_hours_free,
    coalesce(g.measured_seconds, 0) / 3600 AS gpu_hours_measured,
    coalesce(g.utilized_seconds, 0) / 3600 AS gpu_hours_utilized,
    g.utilized_seconds / nullif(g.measured_seconds, 0) AS gpu_utilization_ratio,
    g.energy_joules / 3600000 AS energy_kwh,
    coalesce(s.cpu_core_seconds_available, 0) / 3600 AS cpu_hours_available,
    coalesce(s.cpu_core_seconds_used, 0) / 3600 AS cpu_hours_used,
    s.cpu_core_seconds_used / nullif(s.cpu_core_seconds_available, 0) AS cpu_utilization_ratio
FROM server_usage_15m AS s
LEFT JOIN gpu AS g ON g.server = s.server AND g.starts_at = s.starts_at
LEFT JOIN inventory AS i ON i.server = s.server
