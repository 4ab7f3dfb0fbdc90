-- Looks at tasks in the order of their creation and picks those that are old enough. Unfinished ones never are. Locks
-- nothing. Walks tasks_pkey.
-- $1 after this task, $2 before this task, $3 tasks to look at
-- handlers: $4 named_task_id, $5 tasks that ended well may go if they ended before, $6 the same for failed ones
with slice as materialized (
    select t.task_id, t.named_task_id, t.state, t.finished_at
    from tasks t
    where t.task_id > $1 and t.task_id < $2
    order by t.task_id
    limit $3
)
select count(*) as looked_at,
       (select l.task_id from slice l order by l.task_id desc limit 1) as last,
       coalesce(array_agg(s.task_id order by s.task_id) filter (where
           s.state in (2, 4, 5) and s.finished_at < c.ended or s.state = 3 and s.finished_at < c.failed), '{}') as old
from slice s
left join unnest($4::int[], $5::timestamptz[], $6::timestamptz[]) as c (named_task_id, ended, failed)
     on c.named_task_id = s.named_task_id
