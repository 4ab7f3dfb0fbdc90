-- Notes a call that changed a task under a request id. Locks nothing for long. Walks operation_requests_pkey.
-- $1 task id, $2 request id, $3 hash of what the call said
insert into operation_requests (task_id, request_id, content_hash)
values ($1, $2, $3)
