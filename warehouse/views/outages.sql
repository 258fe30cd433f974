-- The times in which a server was down, from the first event that says so to the next that says
-- that it answers again.
-- grain: one row per outage that began in the time asked for
-- columns:
--   server                 text     name of the server in the inventory
--   started_at             time     when it was first found down
--   ended_at               time     when it answered again; null while it does not
--   seconds                seconds  how long it lasted; null while it does
--   reason                 text     why it could not be read, at first
WITH changes AS (
    SELECT
        server,
        sampled_at,
        kind = 'down' AS is_down,
        detail,
        lag(kind = 'down', 1, FALSE) OVER (PARTITION BY server ORDER BY sampled_at) AS was_down
    FROM event
    WHERE kind IN ('up', 'degraded', 'down', 'reboot')
),
turns AS (
    SELECT
        *,
        lead(sampled_at) OVER (PARTITION BY server ORDER BY sampled_at) AS next_at
    FROM changes
    WHERE is_down <> was_down
)
SELECT
    server,
    sampled_at AS started_at,
    next_at AS ended_at,
    epoch(next_at) - epoch(sampled_at) AS seconds,
    detail AS reason
FROM turns
WHERE is_down
