-- The definition of every GPU-hour: all other usage_by_* queries add these rows up.
-- grain: one row per device and quarter of an hour
-- columns:
--   server                name   where the device was
--   device                UUID   the GPU
--   starts_at             time   start of the quarter of an hour
--   device_name           name   GPU model
--   device_index          count  index last seen
--   memory_total_bytes    bytes  device memory
--   gpu_hours_observed    hours  time with a reading, whatever it said
--   gpu_hours_available   hours  of which neither faulty nor unknown
--   gpu_hours_used        hours  of which busy
--   gpu_hours_idle_held   hours  of which held without work: idle_held and ghost
--   gpu_hours_free        hours  of which free
--   gpu_hours_utilized    hours  integral of utilisation; null when it cannot be read
--   gpu_hours_measured     hours  available time with a utilisation; null when there is none
--   gpu_hours_memory_held hours  integral of the share of its memory that is in use
--   energy_kwh            kWh    drawn; null when power cannot be read
SELECT
    server,
    device,
    starts_at,
    device_name,
    device_index,
    memory_total_bytes,
    observed_seconds / 3600 AS gpu_hours_observed,
    (observed_seconds - faulty_seconds - unknown_seconds) / 3600 AS gpu_hours_available,
    busy_seconds / 3600 AS gpu_hours_used,
    (idle_held_seconds + ghost_seconds) / 3600 AS gpu_hours_idle_held,
    free_seconds / 3600 AS gpu_hours_free,
    gpu_utilization_seconds / 3600 AS gpu_hours_utilized,
    CASE WHEN gpu_utilization_seconds IS NOT NULL
         THEN (observed_seconds - faulty_seconds - unknown_seconds) / 3600
    END AS gpu_hours_measured,
    memory_used_byte_seconds / nullif(memory_total_bytes, 0) / 3600 AS gpu_hours_memory_held,
    energy_joules / 3.6e6 AS energy_kwh
FROM device_usage_15m
