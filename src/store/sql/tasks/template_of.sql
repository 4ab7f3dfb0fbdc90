-- Reads which handler version a task pinned. Locks nothing. Walks tasks_pkey by key. $1 task id
select named_task_id from tasks where task_id = $1
