-- What sessions of a server hold. Locks nothing. Reads leases, a table of what runs now, and walks sessions_pkey.
-- $1 server id
select l.task_id, l.step_no, l.attempt, l.session_id
from leases l
join sessions s on s.session_id = l.session_id
where s.server_id = $1
