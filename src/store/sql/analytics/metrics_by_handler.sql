-- The same by handler version, the busiest first. Locks nothing. Walks tasks_pkey and transitions_pkey.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 rows at most, $6 tasks at most
select namespace_name, task_name, version, task_throughput, completion_count, error_count,
       completion_rate::float8 as completion_rate, error_rate::float8 as error_rate, step_throughput,
       avg_task_duration::float8 as avg_task_duration, avg_step_duration::float8 as avg_step_duration,
       completed_steps, task_durations, step_durations
from get_analytics_metrics_by_handler($1, $2::text[], $3::text, $4::text, $5::integer, $6::integer)
