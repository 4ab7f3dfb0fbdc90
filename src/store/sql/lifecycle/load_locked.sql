-- Loads runs by key and locks their rows, in the order of the keys so that two callers cannot deadlock.
-- Walks tasks_pkey. $1 task ids
select task_id, named_task_id, state, revision, state_reason, steps, detail::text as detail, started_at,
       finished_at, deadline_at
from tasks
where task_id = any ($1::uuid[])
order by task_id
for no key update
