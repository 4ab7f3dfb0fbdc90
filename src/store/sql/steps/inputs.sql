-- Reads the inputs of steps that somebody changed. Locks nothing. Walks step_inputs_pkey by key.
-- $1 task ids, $2 step numbers
select i.task_id, i.step_no, i.inputs
from unnest($1::uuid[], $2::smallint[]) as k (task_id, step_no)
join step_inputs i on i.task_id = k.task_id and i.step_no = k.step_no
