-- Reads which handler version a task pinned and who created it. Locks nothing.
-- Walks tasks_pkey and task_requests_pkey by key. $1 task id
select t.named_task_id, r.created_by
from tasks t
join task_requests r on r.task_id = t.task_id
where t.task_id = $1
