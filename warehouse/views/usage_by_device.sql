-- Use per GPU in a period.
-- parameters: period_start, period_end
-- grain: one row per device with rows in the period
-- columns:
--   device                UUID   the GPU
--   server                name   where it was last
--   device_index          count  its index there
--   device_name           name   GPU model
--   server_count          count  1, to be added up
--   simulated_server_count  count  1 when its server is simulated
--   gpu_count             count  1, to be added up
--   observed_hours        hours  time with a reading of this device
--   expected_hours        hours  from period_start to period_end
--   gpu_hours_*           hours  as in usage_by_device_15m
--   energy_kwh            kWh    drawn
--   memory_total_bytes    bytes  device memory
WITH observed AS (
    SELECT
        device,
        arg_max(server, starts_at) AS server,
        arg_max(device_index, starts_at) AS device_index,
        arg_max(device_name, starts_at) AS device_name,
        sum(gpu_hours_observed) AS gpu_hours_observed,
        sum(gpu_hours_available) AS gpu_hours_available,
        sum(gpu_hours_used) AS gpu_hours_used,
        sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
        sum(gpu_hours_free) AS gpu_hours_free,
        sum(gpu_hours_utilized) AS gpu_hours_utilized,
        sum(gpu_hours_measured) AS gpu_hours_measured,
        sum(gpu_hours_memory_held) AS gpu_hours_memory_held,
        sum(energy_kwh) AS energy_kwh,
        max(memory_total_bytes) AS memory_total_bytes
    FROM usage_by_device_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY device
)
SELECT
    observed.device,
    observed.server,
    observed.device_index,
    observed.device_name,
    1 AS server_count,
    coalesce(place.simulated_server_count, 0) AS simulated_server_count,
    1 AS gpu_count,
    observed.gpu_hours_observed AS observed_hours,
    (epoch(CAST(period_end AS TIMESTAMPTZ)) - epoch(CAST(period_start AS TIMESTAMPTZ))) / 3600
        AS expected_hours,
    observed.gpu_hours_observed,
    observed.gpu_hours_available,
    observed.gpu_hours_used,
    observed.gpu_hours_idle_held,
    observed.gpu_hours_free,
    observed.gpu_hours_utilized,
    observed.gpu_hours_measured,
    observed.gpu_hours_memory_held,
    observed.energy_kwh,
    observed.memory_total_bytes
FROM observed
LEFT JOIN usage_by_server(period_start, period_end) AS place ON place.server = observed.server
ORDER BY observed.server, observed.device_index NULLS LAST, observed.device
