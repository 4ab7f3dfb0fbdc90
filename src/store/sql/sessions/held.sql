-- The attempts that a session holds, and since when. Locks nothing. Reads leases, a table of what runs now.
-- $1 session id
select task_id, step_no, attempt, claimed_at from leases where session_id = $1
