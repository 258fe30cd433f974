-- Holds taken in a period, by user: how many were kept by working there, given back, or left to lapse.
-- parameters: period_start, period_end
-- grain: one row per user with a hold taken in the period
-- columns:
--   user            name   who held
--   hold_count      count  holds taken, one per GPU
--   kept_count      count  of which were renewed because a process of the user ran on the GPU
--   returned_count  count  of which were given back, without that
--   lapsed_count    count  of which ran out, without that
WITH said AS (
    SELECT
        hold_id,
        min("user") AS "user",
        min(CASE WHEN action = 'taken' THEN said_at END) AS taken_at,
        max(CASE WHEN action = 'renewed' THEN 1 ELSE 0 END) AS renewed,
        max(CASE WHEN action = 'released' THEN 1 ELSE 0 END) AS released,
        max(CASE WHEN action = 'expired' THEN 1 ELSE 0 END) AS expired
    FROM hold
    GROUP BY hold_id
)
SELECT
    "user",
    count(*) AS hold_count,
    sum(renewed) AS kept_count,
    sum(CASE WHEN renewed = 0 AND released = 1 THEN 1 ELSE 0 END) AS returned_count,
    sum(CASE WHEN renewed = 0 AND released = 0 AND expired = 1 THEN 1 ELSE 0 END) AS lapsed_count
FROM said
WHERE taken_at >= CAST(period_start AS TIMESTAMPTZ)
  AND taken_at < CAST(period_end AS TIMESTAMPTZ)
GROUP BY "user"
ORDER BY hold_count DESC, "user"
