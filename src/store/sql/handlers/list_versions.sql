-- Lists the versions of a handler, greatest first, for near misses. Locks nothing; walks named_tasks_current.
-- $1 namespace, $2 name, $3 rows at most.
select task.version
from named_tasks task
join task_namespaces namespace using (task_namespace_id)
where namespace.name = $1 and task.name = $2 and task.is_current
order by task.version_order desc
limit $3
