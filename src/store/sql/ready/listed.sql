-- Which of these steps are in their queue and not parked. Locks nothing. Reads ready_steps, a table of what waits
-- now, and compares what lies between the first task and the last.
-- $1 task ids, $2 step numbers, $3 the time that stands for parked, $4 the first task, $5 the last
select r.task_id, r.step_no
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
join ready_steps r on r.task_id = k.task_id and r.step_no = k.step_no and r.visible_at < $3
where r.task_id between $4 and $5
