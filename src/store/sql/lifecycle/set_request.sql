-- Changes the reason or the tags of a task; null leaves a column as it is. Locks its row.
-- Walks task_requests_pkey. $1 task id, $2 reason, $3 tags
update task_requests
set reason = coalesce($2, reason), tags = coalesce($3, tags)
where task_id = $1
