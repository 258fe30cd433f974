-- Whose processes were on each GPU hour by hour, as long as samples are kept.
-- parameters: period_start, period_end
-- grain: one row per GPU, hour and user; a null user is one that the probe may not see
-- columns:
--   device                UUID   the GPU
--   hour                  time   start of the hour, counted from period_start
--   user                  name   login name
--   gpu_hours             hours  share of the GPU that the user answers for
WITH held AS (
    SELECT
        device,
        "user",
        floor((epoch(sampled_at) - epoch(CAST(period_start AS TIMESTAMPTZ))) / 3600) AS hour_number,
        sum(observed_seconds * device_share_ratio) / 3600 AS gpu_hours
    FROM process_sample
    WHERE device IS NOT NULL
      AND sampled_at >= CAST(period_start AS TIMESTAMPTZ)
      AND sampled_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY
        device,
        "user",
        floor((epoch(sampled_at) - epoch(CAST(period_start AS TIMESTAMPTZ))) / 3600)
)
SELECT
    device,
    to_timestamp(epoch(CAST(period_start AS TIMESTAMPTZ)) + hour_number * 3600) AS "hour",
    "user",
    gpu_hours
FROM held
