-- Who used what where in a period. Users of one device share its time equally.
-- parameters: period_start, period_end
-- grain: one row per server and user; a null user stands for device time with no visible process or a hidden owner
-- columns:
--   server                name   the server
--   group                 name   who owns it; null when nobody is named
--   user                  name   login name
--   simulated_server_count  count  1 for a simulated server
--   gpu_hours_used        hours  share of busy devices
--   gpu_hours_idle_held   hours  share of devices held without work
--   cpu_hours_used        hours  CPU time of processes of the user; null where none was seen
WITH place AS (
    SELECT * FROM usage_by_server(period_start, period_end)
), seen AS (
    SELECT
        server,
        "user",
        sum(gpu_busy_seconds) / 3600 AS gpu_hours_used,
        sum(gpu_idle_held_seconds) / 3600 AS gpu_hours_idle_held,
        sum(cpu_core_seconds) / 3600 AS cpu_hours_used
    FROM user_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY server, "user"
), named AS (
    SELECT
        server,
        sum(gpu_hours_used) AS gpu_hours_used,
        sum(gpu_hours_idle_held) AS gpu_hours_idle_held
    FROM seen
    WHERE "user" IS NOT NULL
    GROUP BY server
), hidden AS (
    -- What the devices did, less what named users answer for.
    SELECT
        server,
        CAST(NULL AS VARCHAR) AS "user",
        -- Rounded to microseconds: differences of long sums leave crumbs.
        greatest(round(place.gpu_hours_used - coalesce(named.gpu_hours_used, 0), 9), 0)
            AS gpu_hours_used,
        greatest(round(place.gpu_hours_idle_held - coalesce(named.gpu_hours_idle_held, 0), 9), 0)
            AS gpu_hours_idle_held,
        seen.cpu_hours_used
    FROM place
    LEFT JOIN named USING (server)
    LEFT JOIN seen ON seen.server = place.server AND seen."user" IS NULL
    WHERE place.gpu_hours_used IS NOT NULL OR seen.cpu_hours_used IS NOT NULL
), answered AS (
    SELECT * FROM seen WHERE "user" IS NOT NULL
    UNION ALL BY NAME
    -- A second of device time is what rounding can leave over.
    SELECT * FROM hidden
    WHERE coalesce(gpu_hours_used, 0) + coalesce(gpu_hours_idle_held, 0)
        + coalesce(cpu_hours_used, 0) > 1 / 3600
)
SELECT
    answered.server,
    place."group",
    answered."user",
    place.simulated_server_count,
    answered.gpu_hours_used,
    answered.gpu_hours_idle_held,
    answered.cpu_hours_used
FROM answered
LEFT JOIN place ON place.server = answered.server
ORDER BY gpu_hours_used DESC NULLS LAST, answered.server, answered."user" NULLS LAST
