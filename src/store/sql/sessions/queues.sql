-- The queues that offers name, each with a handler version where it is not for all: step handlers directly, or through the
-- steps of the offered versions; handlers through the steps of all their versions, or of the offered ones. Locks nothing.
-- Walks the catalog's keys.
-- $1 namespaces of step handlers, $2 step handlers, $3 their versions as JSON arrays; $4 namespaces of handlers, $5 handlers,
-- $6 their versions as JSON arrays
select h.step_handler_id as queue_id, null::integer as named_task_id
from unnest($1::text[], $2::text[], $3::text[]) as o (namespace, name, versions)
join task_namespaces n on n.name = o.namespace
join step_handlers h on h.task_namespace_id = n.task_namespace_id and h.name = o.name
where o.versions = '[]'
union
select h.step_handler_id, t.named_task_id
from unnest($1::text[], $2::text[], $3::text[]) as o (namespace, name, versions)
join task_namespaces n on n.name = o.namespace
join step_handlers h on h.task_namespace_id = n.task_namespace_id and h.name = o.name
join named_tasks t on t.task_namespace_id = n.task_namespace_id and o.versions::jsonb ? t.version
join named_tasks_named_steps s on s.named_task_id = t.named_task_id and s.step_handler_id = h.step_handler_id
where o.versions <> '[]'
union
select s.step_handler_id, t.named_task_id
from unnest($4::text[], $5::text[], $6::text[]) as o (namespace, name, versions)
join task_namespaces n on n.name = o.namespace
join named_tasks t on t.task_namespace_id = n.task_namespace_id and t.name = o.name
    and (o.versions = '[]' or o.versions::jsonb ? t.version)
join named_tasks_named_steps s on s.named_task_id = t.named_task_id
