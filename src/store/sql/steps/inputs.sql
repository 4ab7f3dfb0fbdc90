-- Reads the inputs of steps that somebody changed. Locks nothing. Walks step_inputs_pkey by task.
-- $1 task ids
select task_id, step_no, inputs::text as inputs
from step_inputs
where task_id = any ($1::uuid[])
