-- The queues that offers name: step handlers directly, task handlers through the steps of all their versions.
-- Locks nothing. Walks the catalog's keys.
-- $1 namespaces of step handlers, $2 step handlers, $3 namespaces of handlers, $4 handlers
select h.step_handler_id
from unnest($1::text[], $2::text[]) as o (namespace, name)
join task_namespaces n on n.name = o.namespace
join step_handlers h on h.task_namespace_id = n.task_namespace_id and h.name = o.name
union
select s.step_handler_id
from unnest($3::text[], $4::text[]) as o (namespace, name)
join task_namespaces n on n.name = o.namespace
join named_tasks t on t.task_namespace_id = n.task_namespace_id and t.name = o.name
join named_tasks_named_steps s on s.named_task_id = t.named_task_id
