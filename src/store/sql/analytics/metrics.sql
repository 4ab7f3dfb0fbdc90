-- How the tasks of a period did. Locks nothing. Walks tasks_pkey and transitions_pkey over the period.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 tasks at most
select active_tasks_count, total_namespaces_count, unique_task_types_count,
       system_health_score::float8 as system_health_score, task_throughput, completion_count, error_count,
       completion_rate::float8 as completion_rate, error_rate::float8 as error_rate, step_throughput,
       avg_task_duration::float8 as avg_task_duration, avg_step_duration::float8 as avg_step_duration,
       completed_steps, task_durations, step_durations, analysis_period_start, calculated_at, truncated
from get_analytics_metrics($1, $2::text[], $3::text, $4::text, $5::integer)
