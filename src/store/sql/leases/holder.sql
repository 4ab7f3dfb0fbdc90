-- Which sessions hold steps, and with which attempt. Locks nothing. Walks leases_pkey.
-- $1 task ids, $2 step numbers
select l.task_id, l.step_no, l.attempt, l.session_id
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
join leases l on l.task_id = k.task_id and l.step_no = k.step_no
