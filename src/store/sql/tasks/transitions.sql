-- Reads the audit trail of a task after a sequence number, oldest first. Locks nothing. Walks transitions_pkey.
-- $1 task id, $2 sequence number, $3 step number or null for all, $4 rows at most
select sequence, step_no, from_state, to_state, attempt, at, started_at, session_id, metadata::text as metadata
from transitions
where task_id = $1 and sequence > $2 and ($3::smallint is null or step_no = $3)
order by sequence
limit $4
