-- Who used what in a period. Users of one device share its time equally (device_share_ratio).
-- parameters: period_start, period_end
-- grain: one row per user; null stands for device time with no visible process or a hidden owner
-- columns:
--   user                  name   login name
--   server_count          count  servers the user was seen on
--   simulated_server_count  count  of which simulated
--   gpu_hours_used        hours  share of busy devices
--   gpu_hours_idle_held   hours  share of devices held without work
--   cpu_hours_used        hours  CPU time of processes of the user; null where none was seen
--   observed_hours        hours  server time observed, of all servers: the same in every row
--   expected_hours        hours  server time that passed, of all servers
WITH total AS (
    SELECT sum(observed_hours) AS observed_hours, sum(expected_hours) AS expected_hours
    FROM usage_by_server(period_start, period_end)
)
SELECT
    answered."user",
    count(*) AS server_count,
    sum(answered.simulated_server_count) AS simulated_server_count,
    sum(answered.gpu_hours_used) AS gpu_hours_used,
    sum(answered.gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(answered.cpu_hours_used) AS cpu_hours_used,
    max(total.observed_hours) AS observed_hours,
    max(total.expected_hours) AS expected_hours
FROM usage_by_server_and_user(period_start, period_end) AS answered
CROSS JOIN total
GROUP BY answered."user"
ORDER BY gpu_hours_used DESC NULLS LAST, answered."user" NULLS LAST
