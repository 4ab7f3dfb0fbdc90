-- Reads the running attempts of some steps of a task and who holds them. Locks nothing. Walks leases_pkey and
-- sessions_pkey. $1 task id, $2 step numbers
select l.task_id, l.step_no, l.attempt, l.session_id, l.claimed_at, l.deadline_at, l.percent, l.note,
       s.worker_id, case when s.closed_at is null then s.expires_at end as expires_at
from unnest($2::smallint[]) as k (step_no)
join leases l on l.task_id = $1 and l.step_no = k.step_no
left join sessions s on s.session_id = l.session_id
