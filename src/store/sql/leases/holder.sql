-- Which sessions hold steps, with which attempt, and whose they are. Locks nothing. Walks leases_pkey and
-- sessions_pkey. $1 task ids, $2 step numbers
select l.task_id, l.step_no, l.attempt, l.session_id, s.subject
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
join leases l on l.task_id = k.task_id and l.step_no = k.step_no
left join sessions s on s.session_id = l.session_id
