-- The tasks of a period that took longest. Locks nothing. Walks tasks_pkey over the period.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 rows at most, $6 tasks at most
select task_id, namespace_name, task_name, version, duration_seconds::float8 as duration_seconds, step_count,
       completed_steps, error_steps, created_at, completed_at, initiator, source_system, state
from get_slowest_tasks($1, $5::integer, $2::text[], $3::text, $4::text, $6::integer)
