-- Use of a server per quarter of an hour, in hours of its GPUs and CPUs. Hours of GPUs are null
-- where there is no GPU.
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
SELECT
    u.server,
    i."group",
    u.starts_at,
    u.simulated,
    u.observed_hours * 3600 AS observed_seconds,
    u.down_hours * 3600 AS down_seconds,
    u.gpu_hours_observed,
    u.gpu_hours_available,
    u.gpu_hours_used,
    u.gpu_hours_idle_held,
    u.gpu_hours_free,
    u.gpu_hours_measured,
    u.gpu_hours_utilized,
    u.gpu_hours_utilized / nullif(u.gpu_hours_measured, 0) AS gpu_utilization_ratio,
    u.energy_kwh,
    u.cpu_hours_available,
    u.cpu_hours_used,
    u.cpu_hours_used / nullif(u.cpu_hours_available, 0) AS cpu_utilization_ratio
FROM usage_by_server_15m AS u
LEFT JOIN inventory AS i ON i.server = u.server
