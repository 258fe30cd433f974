-- Free GPU-hours of each server while another server, with GPUs no larger, was full.
-- parameters: period_start, period_end
-- grain: one row per server with at least one reading of a GPU
-- columns:
--   server                name   the server
--   gpu_hours_free        hours  free in all
--   gpu_hours_free_while_full  hours  of which while a server it could have stood in for was full
--   full_hours            hours  time in which this server itself was full
WITH room AS (
    SELECT server, starts_at, gpu_hours_free, is_full, memory_total_bytes
    FROM report_room_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
), crowded AS (
    SELECT starts_at, min(memory_total_bytes) AS memory_total_bytes
    FROM room
    WHERE is_full
    GROUP BY starts_at
)
SELECT
    room.server,
    sum(room.gpu_hours_free) AS gpu_hours_free,
    sum(
        CASE WHEN crowded.memory_total_bytes <= room.memory_total_bytes
             THEN room.gpu_hours_free ELSE 0 END
    ) AS gpu_hours_free_while_full,
    sum(CASE WHEN room.is_full THEN 0.25 ELSE 0 END) AS full_hours
FROM room
LEFT JOIN crowded ON crowded.starts_at = room.starts_at
GROUP BY room.server
ORDER BY gpu_hours_free_while_full DESC, room.server
