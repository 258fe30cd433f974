-- The servers that were seen in the time asked for.
-- grain: one row per server
-- columns:
--   server                 text     name of the server in the inventory
--   group                  text     who owns it; null where the inventory does not say
--   tags                   list     list of its tags; null where it left the inventory
--   simulated              boolean  true for servers of the simulated lab
--   first_seen_at          time     first quarter of an hour with a sample or failure
--   last_seen_at           time     last quarter of an hour with a sample or failure
--   observed_seconds       seconds  time observed up or degraded
--   down_seconds           seconds  time observed down
--   cpu_count              count    logical CPUs, last known
--   memory_total_bytes     bytes    RAM, last known
--   gpu_count              count    GPUs, last known
--   hostname               text     its own name, last known
--   machine_id             text     of its installation, last known
--   kernel                 text     release of the kernel, last known
--   cpu_model              text     of its CPUs, last known
--   gpu_driver_version     text     NVIDIA driver, last known
--   gpu_cuda_version       text     newest CUDA that the driver can run, last known
WITH described AS (
    SELECT
        server,
        arg_max(hostname, valid_from) AS hostname,
        arg_max(machine_id, valid_from) AS machine_id,
        arg_max(kernel, valid_from) AS kernel,
        arg_max(cpu_model, valid_from) AS cpu_model,
        arg_max(gpu_driver_version, valid_from) AS gpu_driver_version,
        arg_max(gpu_cuda_version, valid_from) AS gpu_cuda_version
    FROM server_dimension
    GROUP BY server
),
seen AS (
    SELECT
        server,
        bool_or(simulated) AS simulated,
        min(starts_at) AS first_seen_at,
        max(starts_at) AS last_seen_at,
        sum(observed_seconds) AS observed_seconds,
        sum(down_seconds) AS down_seconds,
        arg_max(cpu_count, starts_at) AS cpu_count,
        arg_max(memory_total_bytes, starts_at) AS memory_total_bytes,
        arg_max(gpu_count, starts_at) AS gpu_count
    FROM server_usage_15m
    GROUP BY server
)
SELECT
    s.server,
    i."group",
    i.tags,
    s.simulated,
    s.first_seen_at,
    s.last_seen_at,
    s.observed_seconds,
    s.down_seconds,
    s.cpu_count,
    s.memory_total_bytes,
    s.gpu_count,
    d.hostname,
    d.machine_id,
    d.kernel,
    d.cpu_model,
    d.gpu_driver_version,
    d.gpu_cuda_version
FROM seen AS s
LEFT JOIN inventory AS i ON i.server = s.server
LEFT JOIN described AS d ON d.server = s.server
