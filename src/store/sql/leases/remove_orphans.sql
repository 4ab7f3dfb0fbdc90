-- Removes those of some leases whose step does not run, or not at this attempt. Leases and steps are written
-- together, so there should be none; one that remained would be looked at for ever. Locks what it removes.
-- Walks leases_pkey and tasks_pkey. $1 task ids, $2 step numbers, $3 attempts
delete from leases l
using unnest($1::uuid[], $2::smallint[], $3::integer[]) as k (task_id, step_no, attempt)
left join tasks t on t.task_id = k.task_id
where l.task_id = k.task_id and l.step_no = k.step_no and l.attempt = k.attempt
  and (t.task_id is null
       or tasker_step_state(t.steps, k.step_no) <> 1
       or tasker_step_token(t.steps, k.step_no) <> k.attempt)
