-- Servers that were recommended in a period and whose time has come: what was promised, what was kept.
-- parameters: period_start, period_end
-- grain: one row for first choices and one for the others that were shown
-- columns:
--   choice          name   first choice, or other candidates
--   answer_count    count  candidates whose hours are over and were observed
--   promised_ratio  ratio  mean chance that was told; null where none was
--   kept_ratio      ratio  share of which so many GPUs stayed free, or in the asker's use, all the time
--   asked_hours     hours  asked for, together
--   kept_hours      hours  that they stayed, together
WITH told AS (
    SELECT
        CASE WHEN rank = 1 THEN 'first choice' ELSE 'other candidates' END AS choice,
        probability,
        stayed,
        hours,
        kept_hours
    FROM recommendation_scored
    WHERE said_at >= CAST(period_start AS TIMESTAMPTZ)
      AND said_at < CAST(period_end AS TIMESTAMPTZ)
)
SELECT
    choice,
    count(*) AS answer_count,
    avg(probability) AS promised_ratio,
    avg(CAST(stayed AS DOUBLE)) AS kept_ratio,
    sum(hours) AS asked_hours,
    sum(kept_hours) AS kept_hours
FROM told
GROUP BY choice
ORDER BY choice
