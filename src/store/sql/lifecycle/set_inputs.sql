-- Changes the inputs of a step. Locks its row. Walks step_inputs_pkey. $1 task id, $2 step number, $3 inputs
insert into step_inputs (task_id, step_no, inputs)
values ($1, $2, $3)
on conflict (task_id, step_no) do update set inputs = excluded.inputs, updated_at = now()
