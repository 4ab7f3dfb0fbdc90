-- Finds a custom event by its id. Locks nothing. Walks event_log_event_id.
-- $1 event id
select position, at, name, namespace, task_id, step_no, payload
from event_log
where event_id is not null and event_id = $1
