-- Takes revisions out of use that are about to be replaced; tasks keep them. Locks the rows; walks the primary
-- key. $1 handler versions.
update named_tasks set is_current = false, updated_at = now() where named_task_id = any ($1::integer[])
