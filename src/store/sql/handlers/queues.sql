-- Lists the step handlers of handler versions, each once a version. Locks nothing; walks the primary keys.
-- $1 handler versions
select distinct step.named_task_id, step.step_handler_id, handler.name
from named_tasks_named_steps step
join step_handlers handler using (step_handler_id)
where step.named_task_id = any ($1::integer[])
