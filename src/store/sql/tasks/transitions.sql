-- Reads the audit trail of a task after a sequence number, oldest first, with the workers of attempts as long as their
-- sessions are known. Locks nothing. Walks transitions_pkey and sessions_pkey.
-- $1 task id, $2 sequence number, $3 step number or null for all, $4 rows at most
select m.sequence, m.step_no, m.from_state, m.to_state, m.attempt, m.at, m.started_at, m.session_id, s.worker_id,
       m.metadata::text as metadata
from transitions m
left join sessions s on s.session_id = m.session_id
where m.task_id = $1 and m.sequence > $2 and ($3::smallint is null or m.step_no = $3)
order by m.sequence
limit $4
