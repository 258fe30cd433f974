-- Use of a server per week in the zone of the cluster. A week begins on Monday, as in ISO 8601.
-- grain: one row per server and week with at least one sample or failure
-- columns:
--   server                 text     name of the server in the inventory
--   group                  text     who owns it; null where the inventory does not say
--   starts_at              time     start of the week, in the zone of the cluster
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
WITH buckets AS (
    SELECT *, date_trunc('week', starts_at) AS bucket FROM usage_15m
)
SELECT
    server,
    "group",
    bucket AS starts_at,
    bool_or(simulated) AS simulated,
    sum(observed_seconds) AS observed_seconds,
    sum(down_seconds) AS down_seconds,
    sum(gpu_hours_observed) AS gpu_hours_observed,
    sum(gpu_hours_available) AS gpu_hours_available,
    sum(gpu_hours_used) AS gpu_hours_used,
    sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(gpu_hours_free) AS gpu_hours_free,
    sum(gpu_hours_measured) AS gpu_hours_measured,
    sum(gpu_hours_utilized) AS gpu_hours_utilized,
    sum(gpu_hours_utilized) / nullif(sum(gpu_hours_measured), 0) AS gpu_utilization_ratio,
    sum(energy_kwh) AS energy_kwh,
    sum(cpu_hours_available) AS cpu_hours_available,
    sum(cpu_hours_used) AS cpu_hours_used,
    sum(cpu_hours_used) / nullif(sum(cpu_hours_available), 0) AS cpu_utilization_ratio
FROM buckets
GROUP BY server, "group", bucket
