-- What sessions of a server have held since before a time. Locks nothing. Reads leases, a table of what runs now,
-- and walks sessions_pkey. $1 server id, $2 claimed before
select l.task_id, l.step_no, l.attempt, l.session_id
from leases l
join sessions s on s.session_id = l.session_id
where s.server_id = $1 and l.claimed_at < $2
