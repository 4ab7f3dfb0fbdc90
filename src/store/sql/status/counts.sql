-- Tasks and steps by state and condition, and connections. Locks nothing. Walks the partial indexes of tasks that are
-- not complete for steps in backoff; everything else is kept by namespace.
-- $1 namespaces or null
select c.*, r.resolved_tasks, r.cancelled_steps, r.resolved_steps
from get_system_health_counts(namespaces => $1::text[]) c
cross join (
    select coalesce(sum(t.count) filter (where t.kind = 5), 0)::bigint as resolved_tasks,
           coalesce(sum(t.count) filter (where t.kind = 12), 0)::bigint as cancelled_steps,
           coalesce(sum(t.count) filter (where t.kind = 13), 0)::bigint as resolved_steps
    from tasker_namespace_tallies t
    join task_namespaces n on n.task_namespace_id = t.task_namespace_id
    where $1::text[] is null or n.name = any ($1)
) r
