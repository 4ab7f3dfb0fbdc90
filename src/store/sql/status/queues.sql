-- Steps that could start and wait for a worker, with the age of the oldest, by handler and step. Locks nothing.
-- Walks ready_steps_pkey from the oldest, at most $2 rows of each queue and $3 in all, and tasks_pkey for each row.
-- $1 now, $2 rows of a queue at most, $3 rows at most
select n.name as namespace, h.name as handler, s.step_name as step, count(*) as depth,
       extract(epoch from $1 - min(r.visible_at))::double precision as age_seconds
from (
    select w.task_id, w.step_no, w.visible_at
    from step_handlers q
    cross join lateral (
        select task_id, step_no, visible_at
        from ready_steps
        where queue_id = q.step_handler_id and visible_at <= $1
        order by queue_id, visible_at, task_id, step_no
        limit $2
    ) w
    limit $3
) r
join tasks t on t.task_id = r.task_id
join named_tasks h on h.named_task_id = t.named_task_id
join task_namespaces n on n.task_namespace_id = h.task_namespace_id
join named_tasks_named_steps s on s.named_task_id = t.named_task_id and s.step_no = r.step_no
group by n.name, h.name, s.step_name
order by depth desc, namespace, handler, step
