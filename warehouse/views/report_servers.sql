-- The servers of a period with what the inventory says of them, for reports that add up the rest.
-- parameters: period_start, period_end
-- grain: one row per server of the inventory, or with rows in the period
-- columns:
--   server                name   the server
--   group                 name   who owns it; null when nobody is named
--   tags                  list   its words of the inventory; null when it is not in there
--   server_count          count  1, to be added up
--   gpu_count             count  most GPUs that answered in a tick
WITH seen AS (
    SELECT server, max(gpu_count) AS gpu_count
    FROM server_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
    GROUP BY server
)
SELECT server, listed."group", listed.tags, 1 AS server_count, seen.gpu_count
FROM inventory AS listed
FULL JOIN seen USING (server)
ORDER BY listed.position NULLS LAST, server
