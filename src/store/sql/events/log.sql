-- Reads the log in order, without payloads: how large they are is known without reading them. Locks nothing. Walks
-- event_log_pkey.
-- $1 first position, $2 last position, $3 rows at most
select l.position, l.at, l.task_ids, l.after, l.until, l.event_id, l.name, l.namespace, l.named_task_id, l.task_id,
       l.step_no, octet_length(l.payload) as payload_bytes, l.published_by
from event_log l
where l.position >= $1 and l.position <= $2
order by l.position
limit $3
