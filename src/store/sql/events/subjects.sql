-- Reads what the events of tasks say about the tasks. Tasks that are gone are left out. Locks nothing. Walks
-- tasks_pkey and task_requests_pkey by key.
-- $1 task ids, $2 whether contexts are wanted, $3 bytes of a context at most
select t.task_id, t.named_task_id, t.created_at, t.detail::text as detail, r.created_by,
       case when $2 and octet_length(r.context) <= $3 then r.context end as context
from tasks t
join task_requests r on r.task_id = t.task_id
where t.task_id = any ($1::uuid[])
