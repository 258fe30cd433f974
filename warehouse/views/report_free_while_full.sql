-- Free GPU-hours of each server while another server, with GPUs no larger, was full. In a quarter
-- of an hour no more is counted than the full servers have GPUs, shared among the free ones: what
-- stood crowded there, and not everything that was free.
-- parameters: period_start, period_end
-- grain: one row per server with at least one reading of a GPU
-- columns:
--   server                name   the server
--   gpu_hours_free        hours  free in all
--   gpu_hours_free_while_full  hours  of which while a server it could have stood in for was full
--   full_hours            hours  time in which this server itself was full
WITH room AS (
    SELECT server, starts_at, gpu_count, gpu_hours_free, is_full, memory_total_bytes
    FROM report_room_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
), crowded AS (
    SELECT
        starts_at,
        min(memory_total_bytes) AS memory_total_bytes,
        sum(gpu_count) * 0.25 AS gpu_hours_full
    FROM room
    WHERE is_full
    GROUP BY starts_at
), relief AS (
    -- The part of what was free that the full servers could have sent there.
    SELECT
        room.starts_at,
        least(1, max(crowded.gpu_hours_full) / sum(room.gpu_hours_free)) AS part,
        max(crowded.memory_total_bytes) AS memory_total_bytes
    FROM room
    JOIN crowded ON crowded.starts_at = room.starts_at
        AND crowded.memory_total_bytes <= room.memory_total_bytes
    GROUP BY room.starts_at
    HAVING sum(room.gpu_hours_free) > 0
)
SELECT
    room.server,
    sum(room.gpu_hours_free) AS gpu_hours_free,
    sum(
        CASE WHEN relief.memory_total_bytes <= room.memory_total_bytes
             THEN room.gpu_hours_free * relief.part ELSE 0 END
    ) AS gpu_hours_free_while_full,
    sum(CASE WHEN room.is_full THEN 0.25 ELSE 0 END) AS full_hours
FROM room
LEFT JOIN relief ON relief.starts_at = room.starts_at
GROUP BY room.server
ORDER BY gpu_hours_free_while_full DESC, room.server
