-- Gets what a compiled handler version says besides its steps. Locks nothing; walks the primary key.
-- $1 handler version.
select namespace.name as namespace, task.name, task.version,
       coalesce((task.configuration -> 'schema')::text, '') as schema_json,
       coalesce((task.configuration ->> 'schema_strict')::boolean, false) as schema_strict
from named_tasks task
join task_namespaces namespace using (task_namespace_id)
where task.named_task_id = $1
