-- When a user used what. Time that no visible user answers for is not in it.
-- parameters: period_start, period_end
-- grain: one row per server, user and hour with rows, and per day and hour of the week where one hour is in two
-- columns:
--   server                name   the server
--   user                  name   login name
--   hour                  time   start of the hour, counted from period_start
--   day                   time   start of the day in the time zone of the session
--   weekday               count  1 for Monday to 7 for Sunday
--   hour_of_day           count  0 to 23 on the clock
--   hour_of_week          count  0 for Monday 00:00 to 167
--   gpu_hours_used        hours  share of busy devices
--   gpu_hours_idle_held   hours  share of devices held without work
--   cpu_hours_used        hours  CPU time of processes of the user
SELECT
    u.server,
    u."user",
    c."hour",
    c."day",
    c.weekday,
    c.hour_of_day,
    c.hour_of_week,
    sum(u.gpu_busy_seconds) / 3600 AS gpu_hours_used,
    sum(u.gpu_idle_held_seconds) / 3600 AS gpu_hours_idle_held,
    sum(u.cpu_core_seconds) / 3600 AS cpu_hours_used
FROM user_usage_15m AS u
JOIN calendar_15m(period_start, period_end) AS c ON c.starts_at = u.starts_at
WHERE u."user" IS NOT NULL
  AND u.starts_at >= CAST(period_start AS TIMESTAMPTZ)
  AND u.starts_at < CAST(period_end AS TIMESTAMPTZ)
GROUP BY u.server, u."user", c."hour", c."day", c.weekday, c.hour_of_day, c.hour_of_week
