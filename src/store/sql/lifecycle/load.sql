-- Loads runs by key. Locks nothing. Walks tasks_pkey. $1 task ids
select task_id, named_task_id, state, revision, state_reason, steps, detail::text as detail, started_at,
       finished_at, deadline_at
from tasks
where task_id = any ($1::uuid[])
