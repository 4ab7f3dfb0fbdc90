-- Finds one handler version, or the greatest. Locks nothing; walks named_tasks_current.
-- $1 namespace, $2 name, $3 the three numbers of the version, null for the greatest.
select task.named_task_id, task.revision, task.created_at, task.configuration::text as configuration
from task_namespaces namespace
join named_tasks task on task.task_namespace_id = namespace.task_namespace_id
where namespace.name = $1
  and task.name = $2
  and task.is_current
  and ($3::bigint[] is null or task.version_order = $3)
order by task.version_order desc
limit 1
