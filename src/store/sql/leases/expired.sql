-- Attempts whose session has closed, or expired before a time, and attempts past their own deadline. Locks nothing.
-- Reads leases, a table of what runs now, and asks of each row whether its session is one of the living, which
-- sessions_open finds: closed ones are kept for a week, and may be many.
-- $1 now, $2 sessions that expired before, $3 at most
select l.task_id, l.step_no, l.attempt, coalesce(l.deadline_at < $1, false) as overdue
from leases l
where l.deadline_at < $1
   or l.session_id not in (select s.session_id from sessions s where s.closed_at is null and s.expires_at >= $2)
limit $3
