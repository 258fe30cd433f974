-- Use of a server per quarter of an hour, for the days that are not rolled up yet. The rollup
-- server_15m is filled with these very rows when a day is over.
-- Its columns are those of server_15m.
-- grain: one row per server and quarter of an hour with at least one sample
WITH binned AS (
    SELECT
        *,
        -- Not least or greatest alone: of null and a number they make the number.
        CASE WHEN cpu_utilization_ratio IS NOT NULL AND state <> 'down'
            THEN least(greatest(floor(cpu_utilization_ratio * 20), 0), 19) END AS utilization_bin,
        CASE WHEN memory_used_bytes IS NOT NULL AND memory_total_bytes > 0 AND state <> 'down'
            THEN least(floor(memory_used_bytes / memory_total_bytes * 20), 19) END AS memory_bin
    FROM server_sample_open
)
SELECT
    server,
    time_bucket(INTERVAL '15 minutes', sampled_at) AS starts_at,
    bool_or(simulated) AS simulated,
    count(*) FILTER (WHERE state <> 'down') AS sample_count,
    coalesce(sum(observed_seconds) FILTER (WHERE state <> 'down'), 0) AS observed_seconds,
    coalesce(sum(observed_seconds) FILTER (WHERE state = 'down'), 0) AS down_seconds,
    sum(cpu_count * observed_seconds)
        FILTER (WHERE cpu_utilization_ratio IS NOT NULL) AS cpu_core_seconds_available,
    sum(cpu_count * cpu_utilization_ratio * observed_seconds) AS cpu_core_seconds_used,
    min(cpu_utilization_ratio) AS cpu_utilization_ratio_min,
    max(cpu_utilization_ratio) AS cpu_utilization_ratio_max,
    sum(memory_used_bytes * observed_seconds) AS memory_used_byte_seconds,
    max(memory_used_bytes)::DOUBLE AS memory_used_bytes_max,
    max(memory_total_bytes)::DOUBLE AS memory_total_bytes,
    max(load_1m) AS load_1m_max,
    sum(network_receive_bytes_per_second * observed_seconds) AS network_receive_bytes,
    sum(network_transmit_bytes_per_second * observed_seconds) AS network_transmit_bytes,
    max(gpu_count) AS gpu_count,
    max(cpu_count) AS cpu_count,
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
    ] END AS cpu_utilization_histogram,
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
    max(memory_pressure_ratio) AS memory_pressure_ratio_max,
    max(io_pressure_ratio) AS io_pressure_ratio_max,
    max(temperature_celsius_max) AS temperature_celsius_max,
    max(hung_mount_count) AS hung_mount_count_max
FROM binned
GROUP BY server, time_bucket(INTERVAL '15 minutes', sampled_at)
