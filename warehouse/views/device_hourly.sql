-- What each GPU did hour by hour, with the lowest and highest utilisation of any tick, so that a spike
-- is seen from afar. What was not observed has no row.
-- grain: one row per device and hour of UTC with at least one sample
-- columns:
--   server              name     name of the server in the inventory
--   device              UUID     the GPU
--   ts                  time     start of the hour
--   device_index        count    index last seen
--   device_name         name     GPU model
--   observed_seconds    seconds  time with a reading, whatever it said
--   free_seconds        seconds  of which free
--   busy_seconds        seconds  of which busy
--   held_seconds        seconds  of which held without work: idle_held and ghost
--   faulty_seconds      seconds  of which faulty
--   utilization_mean    ratio    weighted by time; null when it cannot be read
--   utilization_min     ratio    lowest of a tick
--   utilization_max     ratio    highest of a tick
SELECT
    server,
    device,
    to_timestamp(floor(epoch(starts_at) / 3600) * 3600) AS ts,
    arg_max(device_index, starts_at) AS device_index,
    arg_max(device_name, starts_at) AS device_name,
    sum(observed_seconds) AS observed_seconds,
    sum(free_seconds) AS free_seconds,
    sum(busy_seconds) AS busy_seconds,
    sum(idle_held_seconds + ghost_seconds) AS held_seconds,
    sum(faulty_seconds) AS faulty_seconds,
    sum(gpu_utilization_seconds)
    / nullif(
        sum(CASE WHEN gpu_utilization_seconds IS NOT NULL THEN observed_seconds END), 0
    ) AS utilization_mean,
    min(gpu_utilization_ratio_min) AS utilization_min,
    max(gpu_utilization_ratio_max) AS utilization_max
FROM device_usage_15m
GROUP BY server, device, to_timestamp(floor(epoch(starts_at) / 3600) * 3600)
