-- Lists handler names with their versions, a page at a time, by namespace and name. Locks nothing; reads
-- named_tasks_current, which is as long as there are versions.
-- $1 the namespaces, null for all; $2 $3 namespace and name after which the page starts, null for the first;
-- $4 rows at most.
select namespace.name as namespace, task.name, array_agg(task.version order by task.version_order) as versions
from named_tasks task
join task_namespaces namespace using (task_namespace_id)
where task.is_current
  and ($1::text[] is null or namespace.name = any ($1))
  and ($2::text is null or (namespace.name, task.name) > ($2, $3::text))
group by namespace.name, task.name
order by namespace.name, task.name
limit $4
