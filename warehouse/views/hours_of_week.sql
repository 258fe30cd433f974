-- Use of a server by hour of the week, in the zone of the cluster: when it is busy and when free.
-- grain: one row per server, weekday and hour of the day with at least one sample or failure
-- columns:
--   server                 text     name of the server in the inventory
--   group                  text     who owns it; null where the inventory does not say
--   weekday                number   1 for Monday to 7 for Sunday
--   hour                   number   0 to 23
--   observed_seconds       seconds  time observed up or degraded
--   down_seconds           seconds  time observed down
--   gpu_hours_available    hours    time GPUs were observed, neither faulty nor unknown
--   gpu_hours_used         hours    of which busy
--   gpu_hours_idle_held    hours    of which idle_held or ghost: memory held without work
--   gpu_hours_free         hours    of which free
--   gpu_use_ratio          ratio    gpu_hours_used / gpu_hours_available; null without any
--   cpu_hours_available    hours    CPUs times time observed with CPU facts
--   cpu_hours_used         hours    of which used
--   cpu_utilization_ratio  ratio    cpu_hours_used / cpu_hours_available; null without any
WITH hours AS (
    SELECT
        *,
        extract('isodow' FROM starts_at) AS weekday,
        extract('hour' FROM starts_at) AS "hour"
    FROM usage_15m
)
SELECT
    server,
    "group",
    weekday,
    "hour",
    sum(observed_seconds) AS observed_seconds,
    sum(down_seconds) AS down_seconds,
    sum(gpu_hours_available) AS gpu_hours_available,
    sum(gpu_hours_used) AS gpu_hours_used,
    sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(gpu_hours_free) AS gpu_hours_free,
    sum(gpu_hours_used) / nullif(sum(gpu_hours_available), 0) AS gpu_use_ratio,
    sum(cpu_hours_available) AS cpu_hours_available,
    sum(cpu_hours_used) AS cpu_hours_used,
    sum(cpu_hours_used) / nullif(sum(cpu_hours_available), 0) AS cpu_utilization_ratio
FROM hours
GROUP BY server, "group", weekday, "hour"
