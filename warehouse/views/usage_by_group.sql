-- Use per owning group in a period.
-- parameters: period_start, period_end
-- grain: one row per group; null for servers without one and for those no longer in the inventory
-- columns:
--   group                 name   who owns the servers
--   server_count          count  its servers
--   simulated_server_count  count  of which simulated
--   gpu_count             count  their GPUs
--   *_hours               hours  sums of usage_by_server
--   energy_kwh            kWh    likewise
SELECT
    "group",
    sum(server_count) AS server_count,
    sum(simulated_server_count) AS simulated_server_count,
    sum(gpu_count) AS gpu_count,
    sum(observed_hours) AS observed_hours,
    sum(down_hours) AS down_hours,
    sum(expected_hours) AS expected_hours,
    sum(gpu_hours_observed) AS gpu_hours_observed,
    sum(gpu_hours_available) AS gpu_hours_available,
    sum(gpu_hours_used) AS gpu_hours_used,
    sum(gpu_hours_idle_held) AS gpu_hours_idle_held,
    sum(gpu_hours_free) AS gpu_hours_free,
    sum(gpu_hours_utilized) AS gpu_hours_utilized,
    sum(gpu_hours_measured) AS gpu_hours_measured,
    sum(gpu_hours_memory_held) AS gpu_hours_memory_held,
    sum(energy_kwh) AS energy_kwh,
    sum(gpu_hours_down) AS gpu_hours_down,
    sum(cpu_hours_available) AS cpu_hours_available,
    sum(cpu_hours_used) AS cpu_hours_used
FROM usage_by_server(period_start, period_end)
GROUP BY "group"
ORDER BY "group" NULLS LAST
