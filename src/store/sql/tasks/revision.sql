-- Reads how far a task has come. Locks nothing. Walks tasks_pkey by key. $1 task id
select revision, state from tasks where task_id = $1
