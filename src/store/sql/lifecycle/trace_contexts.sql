-- Loads which traces tasks belong to. Locks nothing. Walks task_requests_pkey. $1 task ids
select task_id, trace_context
from task_requests
where task_id = any ($1::uuid[])
