-- Changes the deadline of a task; null removes it. Locks its row. Walks tasks_pkey. $1 task id, $2 deadline
update tasks
set deadline_at = $2
where task_id = $1
