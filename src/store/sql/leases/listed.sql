-- Which of these steps have a lease. Locks nothing. Walks leases_pkey.
-- $1 task ids, $2 step numbers
select k.task_id, k.step_no
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
cross join lateral (
    select 1
    from leases l
    where l.task_id = k.task_id and l.step_no = k.step_no
    -- Keeps the planner at one look into the index for each step.
    offset 0
) l
