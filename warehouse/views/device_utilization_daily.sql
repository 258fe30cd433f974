-- Percentiles and peaks of a GPU per day in the zone of the cluster, from the histograms of
-- the quarters of an hour. A percentile p is where the seconds, counted from the lowest bin on,
-- reach p of all: linear within that bin, and never above the highest tick. So it is within 0.05 of
-- the exact one. Null where no histogram is known; the peak is known without.
-- grain: one row per device and day with at least one sample
-- columns:
--   server                     text     name of the server in the inventory
--   device                     text     UUID of the GPU
--   starts_at                  time     start of the day, in the zone of the cluster
--   observed_seconds           seconds  time observed, any state
--   gpu_utilization_ratio_p50  ratio    not more than this in half of the time it was known
--   gpu_utilization_ratio_p95  ratio    the same of 95 % of that time
--   gpu_utilization_ratio_max  ratio    highest of a tick
--   utilization_known_seconds  seconds  what the percentiles are about; null without any
--   memory_ratio_p50           ratio    used in total device memory, likewise
--   memory_ratio_p95           ratio    the same of 95 % of that time
--   memory_ratio_max           ratio    highest of a tick
--   memory_known_seconds       seconds  what the percentiles are about; null without any
WITH quarters AS (
    SELECT *, date_trunc('day', starts_at) AS bucket FROM device_usage_15m
),
merged AS (
    SELECT
        server,
        device,
        bucket,
        sum(observed_seconds) AS observed_seconds,
        max(gpu_utilization_ratio_max) AS utilization_max,
        max(memory_used_bytes_max / nullif(memory_total_bytes, 0)) AS memory_max,
        [
            sum(gpu_utilization_histogram[1]), sum(gpu_utilization_histogram[2]),
            sum(gpu_utilization_histogram[3]), sum(gpu_utilization_histogram[4]),
            sum(gpu_utilization_histogram[5]), sum(gpu_utilization_histogram[6]),
            sum(gpu_utilization_histogram[7]), sum(gpu_utilization_histogram[8]),
            sum(gpu_utilization_histogram[9]), sum(gpu_utilization_histogram[10]),
            sum(gpu_utilization_histogram[11]), sum(gpu_utilization_histogram[12]),
            sum(gpu_utilization_histogram[13]), sum(gpu_utilization_histogram[14]),
            sum(gpu_utilization_histogram[15]), sum(gpu_utilization_histogram[16]),
            sum(gpu_utilization_histogram[17]), sum(gpu_utilization_histogram[18]),
            sum(gpu_utilization_histogram[19]), sum(gpu_utilization_histogram[20])
        ] AS utilization,
        [
            sum(memory_ratio_histogram[1]), sum(memory_ratio_histogram[2]),
            sum(memory_ratio_histogram[3]), sum(memory_ratio_histogram[4]),
            sum(memory_ratio_histogram[5]), sum(memory_ratio_histogram[6]),
            sum(memory_ratio_histogram[7]), sum(memory_ratio_histogram[8]),
            sum(memory_ratio_histogram[9]), sum(memory_ratio_histogram[10]),
            sum(memory_ratio_histogram[11]), sum(memory_ratio_histogram[12]),
            sum(memory_ratio_histogram[13]), sum(memory_ratio_histogram[14]),
            sum(memory_ratio_histogram[15]), sum(memory_ratio_histogram[16]),
            sum(memory_ratio_histogram[17]), sum(memory_ratio_histogram[18]),
            sum(memory_ratio_histogram[19]), sum(memory_ratio_histogram[20])
        ] AS memory
    FROM quarters
    GROUP BY server, device, bucket
),
bins AS (
    SELECT
        m.server,
        m.device,
        m.bucket,
        m.observed_seconds,
        m.utilization_max,
        m.memory_max,
        b.bin,
        -- The cast says that these are numbers of elements: other engines count them from 0.
        m.utilization[CAST(b.bin AS INTEGER)] AS utilization,
        m.memory[CAST(b.bin AS INTEGER)] AS memory
    FROM merged AS m
    CROSS JOIN (VALUES
        (1), (2), (3), (4), (5), (6), (7), (8), (9), (10),
        (11), (12), (13), (14), (15), (16), (17), (18), (19), (20)
    ) AS b (bin)
),
counted AS (
    SELECT
        *,
        sum(utilization) OVER (PARTITION BY server, device, bucket) AS utilization_all,
        sum(memory) OVER (PARTITION BY server, device, bucket) AS memory_all,
        coalesce(sum(utilization) OVER (
            PARTITION BY server, device, bucket ORDER BY bin
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS utilization_below,
        coalesce(sum(memory) OVER (
            PARTITION BY server, device, bucket ORDER BY bin
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS memory_below
    FROM bins
),
reached AS (
    SELECT
        server,
        device,
        bucket,
        max(observed_seconds) AS observed_seconds,
        max(utilization_max) AS utilization_max,
        max(utilization_all) AS utilization_all,
        max(memory_max) AS memory_max,
        max(memory_all) AS memory_all,
        max(CASE WHEN utilization > 0 AND utilization_below < 0.50 * utilization_all THEN
            bin - 1 + least((0.50 * utilization_all - utilization_below) / utilization, 1) END) / 20
            AS utilization_50,
        max(CASE WHEN utilization > 0 AND utilization_below < 0.95 * utilization_all THEN
            bin - 1 + least((0.95 * utilization_all - utilization_below) / utilization, 1) END) / 20
            AS utilization_95,
        max(CASE WHEN memory > 0 AND memory_below < 0.50 * memory_all THEN
            bin - 1 + least((0.50 * memory_all - memory_below) / memory, 1) END) / 20
            AS memory_50,
        max(CASE WHEN memory > 0 AND memory_below < 0.95 * memory_all THEN
            bin - 1 + least((0.95 * memory_all - memory_below) / memory, 1) END) / 20
            AS memory_95
    FROM counted
    GROUP BY server, device, bucket
)
SELECT
    server,
    device,
    bucket AS starts_at,
    observed_seconds,
    CASE WHEN utilization_50 > utilization_max THEN utilization_max ELSE utilization_50 END
        AS gpu_utilization_ratio_p50,
    CASE WHEN utilization_95 > utilization_max THEN utilization_max ELSE utilization_95 END
        AS gpu_utilization_ratio_p95,
    utilization_max AS gpu_utilization_ratio_max,
    utilization_all AS utilization_known_seconds,
    CASE WHEN memory_50 > memory_max THEN memory_max ELSE memory_50 END
        AS memory_ratio_p50,
    CASE WHEN memory_95 > memory_max THEN memory_max ELSE memory_95 END
        AS memory_ratio_p95,
    memory_max AS memory_ratio_max,
    memory_all AS memory_known_seconds
FROM reached
