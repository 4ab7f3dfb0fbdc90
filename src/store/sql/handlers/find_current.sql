-- Finds the present revision of each handler version of a batch. Locks nothing; walks named_tasks_current.
-- $1 namespaces, $2 names, $3 $4 $5 the three numbers of the versions.
select wanted.position, task.named_task_id, task.revision, task.content_hash, task.created_at
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
     with ordinality as wanted (namespace, name, major, minor, patch, position)
join task_namespaces namespace on namespace.name = wanted.namespace
join named_tasks task on task.task_namespace_id = namespace.task_namespace_id
                     and task.name = wanted.name
                     and task.version_order = array[wanted.major, wanted.minor, wanted.patch]
                     and task.is_current
