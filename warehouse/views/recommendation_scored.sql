-- Recommended servers beside what came: for those whose hours are over and were observed.
-- grain: one row per recommendation and candidate
-- columns:
--   recommendation_id  text     the answer
--   said_at            time     when it was said
--   rank               integer  1 for the first choice
--   server             text     name of the server
--   gpus               GPUs     how many were asked for
--   hours              hours    for how long
--   probability        ratio    promised chance that they stay free; null where none was told
--   pool_probability   ratio    the mean over the candidates
--   policy             text     how near-ties were ordered
--   stayed             integer  1 when so many GPUs stayed free for others, or in use by who asked, all the time; else 0
--   kept_hours         hours    how long they did
--   free_before_ratio  ratio    share of the server's GPUs that were free in the quarter of an hour before
--   held               integer  1 when a hold was taken on it from this answer, else 0
WITH wanted AS (
    SELECT
        recommendation_id,
        said_at,
        rank,
        server,
        gpus,
        hours,
        probability,
        pool_probability,
        policy,
        -- Who asked and did not say so is who ran the program.
        coalesce("user", split_part(made_by, ' ', 1)) AS asker,
        ceil(epoch(said_at) / 900) * 900 AS first_second,
        ceil(epoch(said_at) / 900) * 900 + ceil(hours * 4) * 900 AS end_second
    FROM recommendation
    WHERE gpus > 0
),
slot AS (
    SELECT
        w.recommendation_id,
        w.rank,
        w.server,
        epoch(f.starts_at) AS second,
        CASE
            WHEN
                f.gpus_free + least(
                    coalesce(ceil((u.gpu_busy_seconds + u.gpu_idle_held_seconds) / 900 - 0.01), 0), w.gpus
                ) >= w.gpus
                THEN 1
            ELSE 0
        END AS enough
    FROM wanted AS w
    INNER JOIN free_15m AS f
        ON
            f.server = w.server
            AND epoch(f.starts_at) >= w.first_second
            AND epoch(f.starts_at) < w.end_second
    LEFT JOIN user_usage_15m AS u
        ON u.server = w.server AND u."user" = w.asker AND u.starts_at = f.starts_at
    WHERE f.observed
),
outcome AS (
    SELECT
        recommendation_id,
        rank,
        server,
        count(*) AS slots,
        min(enough) AS stayed,
        min(CASE WHEN enough = 0 THEN second END) AS taken_second
    FROM slot
    GROUP BY recommendation_id, rank, server
),
followed AS (
    SELECT
        recommendation_id,
        server
    FROM hold
    WHERE action = 'taken' AND recommendation_id IS NOT NULL
    GROUP BY recommendation_id, server
)
SELECT
    w.recommendation_id,
    w.said_at,
    w.rank,
    w.server,
    w.gpus,
    w.hours,
    w.probability,
    w.pool_probability,
    w.policy,
    o.stayed,
    least((coalesce(o.taken_second, w.end_second) - w.first_second) / 3600, w.hours) AS kept_hours,
    CASE WHEN b.gpu_count > 0 THEN b.gpus_free / CAST(b.gpu_count AS DOUBLE) END AS free_before_ratio,
    CASE WHEN h.recommendation_id IS NULL THEN 0 ELSE 1 END AS held
FROM wanted AS w
INNER JOIN outcome AS o
    ON o.recommendation_id = w.recommendation_id AND o.rank = w.rank AND o.server = w.server
LEFT JOIN free_15m AS b
    ON b.server = w.server AND epoch(b.starts_at) = floor(epoch(w.said_at) / 900) * 900 - 900
LEFT JOIN followed AS h
    ON h.recommendation_id = w.recommendation_id AND h.server = w.server
-- Its time has come, and all of it was seen.
WHERE o.slots * 900 = w.end_second - w.first_second
