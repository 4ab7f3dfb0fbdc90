-- Reads the deprecation of a handler version. Locks nothing; walks the primary key. $1 handler version
select deprecation.reason, deprecation.requested_by, deprecation.subject, deprecation.deprecated_at
from named_tasks task
join handler_deprecations deprecation using (task_namespace_id, name, version_order)
where task.named_task_id = $1
