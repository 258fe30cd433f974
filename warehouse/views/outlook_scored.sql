-- Outlooks beside what came: for hours that are over and were observed.
-- grain: one row per outlook, server, measure and hour spoken of
-- columns:
--   outlook_id     text     the outlook
--   origin         time     when it was said
--   ts             time     start of the hour spoken of
--   horizon_hours  integer  hours from origin to the hour's end
--   server         text     name of the server
--   measure        text     what was forecast
--   model          text     the model that spoke
--   level          ratio    share of such intervals that should hold the truth
--   mean           measure  what was expected
--   lower          measure  lower end of the interval
--   upper          measure  upper end of the interval
--   p_free         ratio    chance that was given to at least one free GPU
--   actual         measure  what came
--   inside         integer  1 when the interval held it, else 0
--   was_free       integer  1 when at least one GPU was free for most of the hour, else 0; null without GPUs
WITH came AS (
    SELECT
        o.outlook_id,
        o.origin,
        o.ts,
        o.horizon_hours,
        o.server,
        o.measure,
        o.model,
        o.level,
        o.mean,
        o.lower,
        o.upper,
        o.p_free,
        CASE WHEN o.measure = 'gpus_busy' THEN h.gpus_busy ELSE h.cpu_utilization_ratio END AS actual,
        CASE WHEN o.measure = 'gpus_busy' THEN h.gpu_count END AS gpu_count
    FROM outlook AS o
    INNER JOIN load_hourly AS h ON h.server = o.server AND h.ts = o.ts
    -- An hour that is not over is observed for less.
    WHERE h.coverage_ratio >= 0.9 AND o.mean IS NOT NULL
)
SELECT
    outlook_id,
    origin,
    ts,
    horizon_hours,
    server,
    measure,
    model,
    level,
    mean,
    lower,
    upper,
    p_free,
    actual,
    -- A hair of slack: a value on the edge of the interval is inside, whatever rounding says.
    CASE WHEN actual >= lower - 1e-9 AND actual <= upper + 1e-9 THEN 1 ELSE 0 END AS inside,
    CASE WHEN gpu_count IS NULL THEN NULL WHEN actual < gpu_count - 0.5 THEN 1 ELSE 0 END AS was_free
FROM came
WHERE actual IS NOT NULL
