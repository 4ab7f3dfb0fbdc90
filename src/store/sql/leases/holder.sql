-- Which sessions hold steps, with which attempt, whose they are, and what these offer. Locks nothing. Walks leases_pkey and
-- sessions_pkey. $1 task ids, $2 step numbers
select k.task_id, k.step_no, l.attempt, l.session_id, s.subject, s.offers::text as offers
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
cross join lateral (
    select l.attempt, l.session_id
    from leases l
    where l.task_id = k.task_id and l.step_no = k.step_no
    -- Keeps the planner at one look into the index for each step.
    offset 0
) l
left join sessions s on s.session_id = l.session_id
