-- Reads the running attempts of tasks and who holds them. Locks nothing. Walks leases_pkey by task.
-- $1 task ids
select l.task_id, l.step_no, l.attempt, l.session_id, l.claimed_at, l.deadline_at, l.percent,
       l.note, s.worker_id, s.expires_at
from leases l
left join sessions s on s.session_id = l.session_id
where l.task_id = any ($1::uuid[])
