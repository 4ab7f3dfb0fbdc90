-- Loads what assignments say about their tasks. Locks nothing. Walks task_requests_pkey. $1 task ids
select task_id, context, correlation_id, trace_context
from task_requests
where task_id = any ($1::uuid[])
