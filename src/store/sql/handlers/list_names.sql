-- Lists the names of handlers in a namespace, for near misses. Locks nothing; walks named_tasks_current.
-- $1 namespace, $2 rows at most.
select distinct task.name
from named_tasks task
join task_namespaces namespace using (task_namespace_id)
where namespace.name = $1 and task.is_current
order by task.name
limit $2
