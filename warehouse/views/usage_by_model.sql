-- Use per GPU model in a period.
-- parameters: period_start, period_end
-- grain: one row per GPU model with devices in the period; null for devices that name none
-- columns:
--   model                 name   GPU model
--   server_count          count  servers with such devices
--   simulated_server_count  count  of which simulated
--   gpu_count             count  devices of it
--   *_hours               hours  sums of usage_by_device: observed and expected are device-hours
--   energy_kwh            kWh    likewise
SELECT
    device_name AS model,
    count(DISTINCT server) AS server_count,
    count(DISTINCT server) FILTER (WHERE simulated_server_count > 0) AS simulated_server_count,
    sum(gpu_count) AS gpu_count,
    sum(observed_hours) AS observed_hours,
    sum(expected_hours) AS expected_hours,
    sum(gpu_hours_observed) AS gpu_hours_observed,
    sum(gpu_hours_available) AS gpu_hours_available,
    sum(gpu_hours_used) AS gpu_hours_used,
    sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(gpu_hours_free) AS gpu_hours_free,
    sum(gpu_hours_utilized) AS gpu_hours_utilized,
    sum(gpu_hours_measured) AS gpu_hours_measured,
    sum(gpu_hours_memory_held) AS gpu_hours_memory_held,
    sum(energy_kwh) AS energy_kwh
FROM usage_by_device(period_start, period_end)
GROUP BY device_name
ORDER BY device_name NULLS LAST
