-- What each GPU suffered in a period: heat, throttling, memory errors, faults.
-- parameters: period_start, period_end, hot_celsius
-- grain: one row per server and GPU with readings
-- columns:
--   server                name   where the device was
--   device                UUID   the GPU
--   device_index          count  index last seen
--   device_name           name   GPU model
--   gpu_hours_observed    hours  time with a reading
--   faulty_hours          hours  of which in state faulty
--   throttled_hours       hours  of which with the clock held back by heat, power or the board; null when it cannot be read
--   hot_hours             hours  time in quarters of an hour that reached hot_celsius; null when it cannot be read
--   temperature_celsius_max  celsius  highest of a tick
--   ecc_uncorrected_count  count  memory errors not corrected, at least so many in the period; null when it cannot be read
--   xid_last              code   the last error (XID) that the driver reported; null when none
SELECT
    server,
    device,
    max(device_index) AS device_index,
    max(device_name) AS device_name,
    sum(observed_seconds) / 3600 AS gpu_hours_observed,
    sum(faulty_seconds) / 3600 AS faulty_hours,
    sum(throttled_seconds) / 3600 AS throttled_hours,
    sum(
        CASE WHEN temperature_celsius_max >= hot_celsius THEN observed_seconds
             WHEN temperature_celsius_max < hot_celsius THEN 0 END
    ) / 3600 AS hot_hours,
    max(temperature_celsius_max) AS temperature_celsius_max,
    -- Counted since the driver was loaded: when it is loaded anew in between, some are missed.
    max(ecc_uncorrected_count_max) - min(ecc_uncorrected_count_max) AS ecc_uncorrected_count,
    max(xid_last) AS xid_last
FROM device_usage_15m
WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
  AND starts_at < CAST(period_end AS TIMESTAMPTZ)
GROUP BY server, device
ORDER BY server, device_index NULLS LAST, device
