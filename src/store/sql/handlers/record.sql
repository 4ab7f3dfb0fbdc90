-- How a handler version, every revision of it, has done lately: its newest tasks counted by state, and how long the
-- complete ones took. Locks nothing. Walks task_requests_named_task from its end and tasks_pkey, as many rows as $2.
-- $1 handler version, $2 tasks at most
with versions as (
    select other.named_task_id
    from named_tasks task
    join named_tasks other using (task_namespace_id, name, version)
    where task.named_task_id = $1
), newest as (
    select request.task_id
    from versions,
         lateral (select r.task_id from task_requests r where r.named_task_id = versions.named_task_id
                  order by r.task_id desc limit $2) request
    order by request.task_id desc
    limit $2
)
select count(*) as tasks,
       count(*) filter (where task.state in (2, 5)) as complete,
       count(*) filter (where task.state = 3) as failed,
       count(*) filter (where task.state = 4) as cancelled,
       count(*) filter (where task.state in (0, 1)) as unfinished,
       percentile_disc(array[0.5, 0.95]) within group (
           order by (extract(epoch from task.finished_at - task.started_at) * 1000)::bigint
       ) filter (where task.state = 2 and task.started_at is not null and task.finished_at is not null) as took_ms,
       max(task.created_at) as last_at
from newest
-- One look by key for each: a plan that reads the table whole is not worth considering.
cross join lateral (
    select t.state, t.created_at, t.started_at, t.finished_at from tasks t where t.task_id = newest.task_id offset 0
) task
