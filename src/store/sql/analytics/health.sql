-- Counts tasks and steps by state and condition. Locks nothing. Walks the partial indexes of tasks that are not
-- complete; complete ones are counted as they come.
-- $1 namespaces or null
select total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks, total_steps,
       pending_steps, in_progress_steps, complete_steps, error_steps, retryable_error_steps, exhausted_retry_steps,
       in_backoff_steps, active_connections, max_connections, estimated, now() as calculated_at
from get_system_health_counts(namespaces => $1::text[])
