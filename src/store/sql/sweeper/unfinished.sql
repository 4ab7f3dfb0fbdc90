-- A slice of the unfinished tasks that have not moved for a while, by key. Locks nothing. Walks tasks_active.
-- $1 after this task, $2 not moved since, $3 at most
select task_id, named_task_id, state, revision, state_reason, steps, detail::text as detail, started_at,
       finished_at, deadline_at
from tasks
where state in (0, 1) and task_id > $1 and updated_at < $2
order by task_id
limit $3
