-- Use of all servers together per day of the week, over a period.
-- parameters: period_start, period_end
-- grain: one row per day of the week that is in the period
-- columns:
--   weekday               count  1 for Monday to 7 for Sunday, in the time zone of the session
--   server_count          count  servers that could have answered
--   simulated_server_count  count  of which simulated
--   observed_hours        hours  server time observed
--   down_hours            hours  server time known to be down
--   expected_hours        hours  servers times the part of the period that is in it
--   gpu_hours_*           hours  as in usage_by_device_15m
--   energy_kwh            kWh    drawn by GPUs
--   cpu_hours_*           hours  as in usage_by_server_15m
SELECT
    CAST(floor(hour_of_week / 24) AS INTEGER) + 1 AS weekday,
    count(DISTINCT server) AS server_count,
    count(DISTINCT CASE WHEN simulated_server_count > 0 THEN server END) AS simulated_server_count,
    sum(observed_hours) AS observed_hours,
    sum(down_hours) AS down_hours,
    sum(expected_hours) AS expected_hours,
    sum(gpu_hours_observed) AS gpu_hours_observed,
    sum(gpu_hours_available) AS gpu_hours_available,
    sum(gpu_hours_used) AS gpu_hours_used,
    sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(gpu_hours_free) AS gpu_hours_free,
    sum(gpu_hours_utilized) AS gpu_hours_utilized,
    sum(gpu_hours_measured) AS gpu_hours_measured,
    sum(gpu_hours_memory_held) AS gpu_hours_memory_held,
    sum(energy_kwh) AS energy_kwh,
    sum(gpu_hours_down) AS gpu_hours_down,
    sum(cpu_hours_available) AS cpu_hours_available,
    sum(cpu_hours_used) AS cpu_hours_used
FROM usage_by_server_and_hour_of_week(period_start, period_end)
GROUP BY CAST(floor(hour_of_week / 24) AS INTEGER) + 1
ORDER BY CAST(floor(hour_of_week / 24) AS INTEGER) + 1
