-- What each GPU did hour by hour, for a picture of GPUs over time.
-- parameters: period_start, period_end
-- grain: one row per GPU and hour with readings
-- columns:
--   server                name   where the device was
--   device                UUID   the GPU
--   device_index          count  index last seen
--   hour                  time   start of the hour, counted from period_start
--   gpu_hours_*           hours  as in usage_by_device_15m
SELECT
    d.server,
    d.device,
    max(d.device_index) AS device_index,
    c."hour",
    sum(d.gpu_hours_observed) AS gpu_hours_observed,
    sum(d.gpu_hours_available) AS gpu_hours_available,
    sum(d.gpu_hours_used) AS gpu_hours_used,
    sum(d.gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(d.gpu_hours_free) AS gpu_hours_free,
    sum(d.gpu_hours_utilized) AS gpu_hours_utilized,
    sum(d.gpu_hours_measured) AS gpu_hours_measured
FROM usage_by_device_15m AS d
JOIN calendar_15m(period_start, period_end) AS c ON c.starts_at = d.starts_at
WHERE d.starts_at >= CAST(period_start AS TIMESTAMPTZ)
  AND d.starts_at < CAST(period_end AS TIMESTAMPTZ)
GROUP BY d.server, d.device, c."hour"
ORDER BY d.server, device_index NULLS LAST, d.device, c."hour"
