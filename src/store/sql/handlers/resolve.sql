-- Finds the number of one handler version, or of the greatest that takes new tasks, or of the greatest if none does;
-- and whether it is deprecated. Locks nothing; walks named_tasks_current.
-- $1 namespace, $2 name, $3 the three numbers of the version, null for the greatest.
select task.named_task_id, deprecation.name is not null as deprecated
from task_namespaces namespace
join named_tasks task on task.task_namespace_id = namespace.task_namespace_id
left join handler_deprecations deprecation
     on deprecation.task_namespace_id = task.task_namespace_id
    and deprecation.name = task.name
    and deprecation.version_order = task.version_order
where namespace.name = $1
  and task.name = $2
  and task.is_current
  and ($3::bigint[] is null or task.version_order = $3)
order by deprecation.name is not null, task.version_order desc
limit 1
