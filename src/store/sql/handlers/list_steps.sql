-- Lists the steps of a handler version in their order. Locks nothing; walks the primary key.
-- $1 handler version.
select step.step_name, step.step_handler_id, handler.name as handler_class, system.name as dependent_system,
       step.skippable, step.default_retryable, step.default_retry_limit, step.timeout_ms,
       coalesce(template.config, '') as config_json
from named_tasks_named_steps step
join step_handlers handler using (step_handler_id)
join named_steps using (named_step_id)
join dependent_systems system using (dependent_system_id)
left join (
    select (entry.position - 1)::smallint as step_no, (entry.template -> 'handler_config')::text as config
    from named_tasks task,
         json_array_elements(task.configuration -> 'step_templates') with ordinality as entry (template, position)
    where task.named_task_id = $1
) template using (step_no)
where step.named_task_id = $1
order by step.step_no
