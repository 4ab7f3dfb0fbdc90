-- The attempts that a session of a subject holds, and since when. Locks nothing. Reads leases, a table of what runs
-- now. $1 session id, $2 subject
select l.task_id, l.step_no, l.attempt, l.claimed_at
from sessions s
join leases l on l.session_id = s.session_id
where s.session_id = $1 and s.subject is not distinct from $2
