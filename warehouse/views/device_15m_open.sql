-- Use of a GPU per quarter of an hour, for the days that are not rolled up yet. The rollup
-- device_15m is filled with these very rows when a day is over.
-- Its columns are those of device_15m.
-- grain: one row per device and quarter of an hour with at least one sample
SELECT
    server,
    device,
    time_bucket(INTERVAL '15 minutes', sampled_at) AS starts_at,
    arg_max(device_name, sampled_at) AS device_name,
    arg_max(device_index, sampled_at) AS device_index,
    max(memory_total_bytes)::DOUBLE AS memory_total_bytes,
    count(*) AS sample_count,
    sum(observed_seconds) AS observed_seconds,
    sum(CASE WHEN state = 'free' THEN observed_seconds ELSE 0 END) AS free_seconds,
    sum(CASE WHEN state = 'busy' THEN observed_seconds ELSE 0 END) AS busy_seconds,
    sum(CASE WHEN state = 'idle_held' THEN observed_seconds ELSE 0 END) AS idle_held_seconds,
    sum(CASE WHEN state = 'ghost' THEN observed_seconds ELSE 0 END) AS ghost_seconds,
    sum(CASE WHEN state = 'faulty' THEN observed_seconds ELSE 0 END) AS faulty_seconds,
    sum(CASE WHEN state = 'unknown' THEN observed_seconds ELSE 0 END) AS unknown_seconds,
    sum(gpu_utilization_ratio * observed_seconds)
        FILTER (WHERE state NOT IN ('faulty', 'unknown')) AS gpu_utilization_seconds,
    min(gpu_utilization_ratio) AS gpu_utilization_ratio_min,
    max(gpu_utilization_ratio) AS gpu_utilization_ratio_max,
    sum(memory_used_bytes * observed_seconds) AS memory_used_byte_seconds,
    max(memory_used_bytes)::DOUBLE AS memory_used_bytes_max,
    sum(power_watts * observed_seconds) AS energy_joules,
    max(temperature_celsius) AS temperature_celsius_max
FROM device_sample_open
GROUP BY server, device, time_bucket(INTERVAL '15 minutes', sampled_at)
