-- Measures how long each step of tasks took, all attempts and the waits between them together. Locks nothing.
-- Walks transitions_pkey by task.
-- $1 task ids, $2 transitions of one task at most
select a.task_id, a.step_no, count(*)::integer as attempts,
       (extract(epoch from max(a.at) - min(a.started_at)) * 1000)::bigint as took_ms
from unnest($1::uuid[]) as k (task_id)
cross join lateral (
    select t.task_id, t.step_no, t.at, t.started_at
    from transitions t
    where t.task_id = k.task_id
    order by t.sequence
    limit $2
) a
where a.step_no is not null and a.started_at is not null
group by a.task_id, a.step_no
