-- Finds the calls that changed tasks under these request ids. Locks nothing. Walks operation_requests_pkey by key.
-- $1 task ids, $2 request ids
select r.task_id, r.request_id, r.content_hash
from unnest($1::uuid[], $2::text[]) as k (task_id, request_id)
join operation_requests r on r.task_id = k.task_id and r.request_id = k.request_id
