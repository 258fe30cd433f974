-- Use of a GPU per quarter of an hour, for the days that are not rolled up yet. The rollup
-- device_15m is filled with these very rows when a day is over.
-- Its columns are those of device_15m.
-- grain: one row per device and quarter of an hour with at least one sample
WITH binned AS (
    SELECT
        *,
        -- Not least or greatest alone: of null and a number they make the number.
        CASE WHEN gpu_utilization_ratio IS NOT NULL AND state NOT IN ('faulty', 'unknown')
            THEN least(greatest(floor(gpu_utilization_ratio * 20), 0), 19) END AS utilization_bin,
        CASE WHEN memory_used_bytes IS NOT NULL AND memory_total_bytes > 0
            THEN least(floor(memory_used_bytes / memory_total_bytes * 20), 19) END AS memory_bin
    FROM device_sample_open
)
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
    max(temperature_celsius) AS temperature_celsius_max,
    CASE WHEN count(utilization_bin) > 0 THEN [
        sum(CASE WHEN utilization_bin = 0 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 1 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 2 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 3 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 4 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 5 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 6 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 7 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 8 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 9 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 10 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 11 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 12 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 13 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 14 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 15 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 16 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 17 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 18 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN utilization_bin = 19 THEN observed_seconds ELSE 0 END)
    ] END AS gpu_utilization_histogram,
    CASE WHEN count(memory_bin) > 0 THEN [
        sum(CASE WHEN memory_bin = 0 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 1 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 2 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 3 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 4 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 5 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 6 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 7 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 8 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 9 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 10 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 11 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 12 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 13 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 14 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 15 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 16 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 17 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 18 THEN observed_seconds ELSE 0 END),
        sum(CASE WHEN memory_bin = 19 THEN observed_seconds ELSE 0 END)
    ] END AS memory_ratio_histogram,
    sum(CASE WHEN throttle_reasons
            IN ('', 'idle', 'clocks set by the user', 'idle, clocks set by the user') THEN 0
        WHEN throttle_reasons IS NOT NULL THEN observed_seconds END) AS throttled_seconds,
    max(ecc_uncorrected_count) AS ecc_uncorrected_count_max,
    arg_max(xid, sampled_at) AS xid_last,
    arg_max(power_limit_watts, sampled_at) AS power_limit_watts
FROM binned
GROUP BY server, device, time_bucket(INTERVAL '15 minutes', sampled_at)
