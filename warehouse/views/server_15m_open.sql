-- Use of a server per quarter of an hour, for the days that are not rolled up yet. The rollup
-- server_15m is filled with these very rows when a day is over.
-- Its columns are those of server_15m.
-- grain: one row per server and quarter of an hour with at least one sample
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
    max(cpu_count) AS cpu_count
FROM server_sample_open
GROUP BY server, time_bucket(INTERVAL '15 minutes', sampled_at)
