-- Who used each GPU hour by hour, as long as samples are kept.
-- grain: one row per device, hour of UTC and user; a null user is one that the probe may not see
-- columns:
--   server        name   name of the server in the inventory
--   device        UUID   the GPU
--   ts            time   start of the hour
--   user          name   login name
--   gpu_hours     hours  share of the GPU that the user answers for
SELECT
    server,
    device,
    to_timestamp(floor(epoch(sampled_at) / 3600) * 3600) AS ts,
    "user",
    sum(observed_seconds * device_share_ratio) / 3600 AS gpu_hours
FROM process_sample
WHERE device IS NOT NULL
GROUP BY server, device, to_timestamp(floor(epoch(sampled_at) / 3600) * 3600), "user"
