-- Attempts whose session has closed, or expired before a time, and attempts past their own deadline. Locks nothing.
-- Reads leases, a table of what runs now, and walks sessions_pkey.
-- $1 now, $2 sessions that expired before, $3 at most
select l.task_id, l.step_no, l.attempt, coalesce(l.deadline_at < $1, false) as overdue
from leases l
left join sessions s on s.session_id = l.session_id
where s.session_id is null or s.closed_at is not null or s.expires_at < $2 or l.deadline_at < $1
limit $3
