-- Percentiles and peaks of a period per server, from the histograms of its quarters of an hour; the
-- GPUs of a server count together. The rule is that of device_utilization_daily. Measures are
-- gpu_utilization_ratio, gpu_memory_ratio, cpu_utilization_ratio and memory_ratio (RAM).
-- grain: one row per server and measure
-- parameters: period_start, period_end
-- columns:
--   server         text     name of the server in the inventory
--   measure        text     what of the server it is about
--   p50            ratio    not more than this in half of the time it was known
--   p95            ratio    the same of 95 % of that time
--   max            ratio    highest of a tick
--   known_seconds  seconds  what the percentiles are about, over all GPUs; null without any
WITH devices AS (
    SELECT * FROM device_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
),
servers_then AS (
    SELECT * FROM server_usage_15m
    WHERE starts_at >= CAST(period_start AS TIMESTAMPTZ)
      AND starts_at < CAST(period_end AS TIMESTAMPTZ)
),
quarters AS (
    SELECT
        server,
        'gpu_utilization_ratio' AS measure,
        gpu_utilization_histogram AS histogram,
        gpu_utilization_ratio_max AS peak
    FROM devices
    UNION ALL
    SELECT
        server,
        'gpu_memory_ratio' AS measure,
        memory_ratio_histogram AS histogram,
        memory_used_bytes_max / nullif(memory_total_bytes, 0) AS peak
    FROM devices
    UNION ALL
    SELECT
        server,
        'cpu_utilization_ratio' AS measure,
        cpu_utilization_histogram AS histogram,
        cpu_utilization_ratio_max AS peak
    FROM servers_then
    UNION ALL
    SELECT
        server,
        'memory_ratio' AS measure,
        memory_ratio_histogram AS histogram,
        memory_used_bytes_max / nullif(memory_total_bytes, 0) AS peak
    FROM servers_then
),
merged AS (
    SELECT
        server,
        measure,
        max(peak) AS peak,
        [
            sum(histogram[1]), sum(histogram[2]), sum(histogram[3]), sum(histogram[4]),
            sum(histogram[5]), sum(histogram[6]), sum(histogram[7]), sum(histogram[8]),
            sum(histogram[9]), sum(histogram[10]), sum(histogram[11]), sum(histogram[12]),
            sum(histogram[13]), sum(histogram[14]), sum(histogram[15]), sum(histogram[16]),
            sum(histogram[17]), sum(histogram[18]), sum(histogram[19]), sum(histogram[20])
        ] AS histogram
    FROM quarters
    GROUP BY server, measure
),
bins AS (
    SELECT
        m.server,
        m.measure,
        m.peak,
        b.bin,
        -- The cast says that these are numbers of elements: other engines count them from 0.
        m.histogram[CAST(b.bin AS INTEGER)] AS seconds
    FROM merged AS m
    CROSS JOIN (VALUES
        (1), (2), (3), (4), (5), (6), (7), (8), (9), (10),
        (11), (12), (13), (14), (15), (16), (17), (18), (19), (20)
    ) AS b (bin)
),
counted AS (
    SELECT
        *,
        sum(seconds) OVER (PARTITION BY server, measure) AS seconds_all,
        coalesce(sum(seconds) OVER (
            PARTITION BY server, measure ORDER BY bin
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS seconds_below
    FROM bins
),
reached AS (
    SELECT
        server,
        measure,
        max(peak) AS peak,
        max(seconds_all) AS known_seconds,
        max(CASE WHEN seconds > 0 AND seconds_below < 0.50 * seconds_all THEN
            bin - 1 + least((0.50 * seconds_all - seconds_below) / seconds, 1) END) / 20
            AS share_50,
        max(CASE WHEN seconds > 0 AND seconds_below < 0.95 * seconds_all THEN
            bin - 1 + least((0.95 * seconds_all - seconds_below) / seconds, 1) END) / 20
            AS share_95
    FROM counted
    GROUP BY server, measure
)
SELECT
    server,
    measure,
    CASE WHEN share_50 > peak THEN peak ELSE share_50 END AS p50,
    CASE WHEN share_95 > peak THEN peak ELSE share_95 END AS p95,
    peak AS "max",
    known_seconds
FROM reached
