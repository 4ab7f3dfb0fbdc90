-- Finds the handler versions that a filter means, every revision of them. Locks nothing.
-- Walks named_tasks by namespace, name and version; a small table.
-- $1 namespaces or null, $2 name or null, $3 version or null
select h.named_task_id
from named_tasks h
join task_namespaces n on n.task_namespace_id = h.task_namespace_id
where ($1::text[] is null or n.name = any ($1))
  and ($2::text is null or h.name = $2)
  and ($3::text is null or h.version = $3)
