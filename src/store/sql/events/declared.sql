-- Lists the custom events that the present handlers declare, each once, with the step handlers that publish it. Locks
-- nothing. Reads the present handlers.
-- $1 namespaces, null for all
select e.value ->> 'name' as name,
       (array_agg(e.value ->> 'description' order by h.named_task_id desc))[1] as description,
       array_agg(distinct s.value ->> 'handler_class') as fired_by,
       min(h.created_at) as registered_at
from named_tasks h
join task_namespaces n on n.task_namespace_id = h.task_namespace_id
cross join lateral json_array_elements(h.configuration -> 'step_templates') s
cross join lateral json_array_elements(coalesce(s.value -> 'custom_events', '[]')) e
where h.is_current and ($1::text[] is null or n.name = any ($1))
group by e.value ->> 'name'
order by 1
