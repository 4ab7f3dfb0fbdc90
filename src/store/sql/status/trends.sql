-- How the tasks of a period did, the newest first. Locks nothing. Walks tasks_pkey backwards over at most $2 tasks, and
-- transitions_pkey by task for the newest $3 of them: what looks at everything would cost by what is there.
-- $1 since, $2 tasks at most, $3 tasks at most whose steps are looked at
with picked as materialized (
    select t.task_id, t.state
    from tasks t
    where t.task_id >= tasker_task_id_at($1)
    order by t.task_id desc
    limit $2
),
newest as materialized (
    select p.task_id from picked p order by p.task_id desc limit $3
)
select count(*) as created,
       count(*) filter (where p.state = 2) as completed,
       count(*) filter (where p.state = 3) as failed,
       case when count(*) < $2 then $1 else min(tasker_task_time(p.task_id)) end as period_start,
       (
           select coalesce(avg(extract(epoch from n.at - n.started_at)), 0)::double precision
           from newest p
           cross join lateral (
               select n.at, n.started_at
               from transitions n
               where n.task_id = p.task_id
                 and n.step_no is not null and n.from_state = 1 and n.to_state = 2
               -- Keeps the planner at one look into the index for each task.
               offset 0
           ) n
       ) as step_seconds
from picked p
