-- The attempts that a session holds. Locks nothing. Reads leases, a table of what runs now. $1 session id
select task_id, step_no, attempt from leases where session_id = $1
