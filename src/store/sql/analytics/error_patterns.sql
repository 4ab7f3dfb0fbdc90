-- How tasks of a period failed. Locks nothing. Walks tasks_pkey and transitions_pkey over the period.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 classes at most, $6 tasks at most
select total_tasks, unique_task_types, total_errors, recent_error_rate::float8 as recent_error_rate,
       retry_success_rate::float8 as retry_success_rate, error_types, error_counts
from get_error_patterns($1, $5::integer, $2::text[], $3::text, $4::text, $6::integer)
