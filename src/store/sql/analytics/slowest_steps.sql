-- The steps of tasks of a period that took longest. Locks nothing. Walks tasks_pkey and transitions_pkey.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 rows at most, $6 tasks at most
select workflow_step_id, task_id, step_name, namespace_name, task_name, version,
       duration_seconds::float8 as duration_seconds, attempts, created_at, completed_at, retryable
from get_slowest_steps($1, $5::integer, $2::text[], $3::text, $4::text, $6::integer)
