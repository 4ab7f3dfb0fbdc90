-- Reads a handler version as it was registered. Locks nothing; walks the primary key. $1 handler version
select task.named_task_id, task.revision, task.created_at, task.configuration::text as configuration
from named_tasks task
where task.named_task_id = $1
