-- Inserts the steps of handler versions. Locks nothing but the new rows.
-- $1 handler versions, $2 step numbers, $3 named steps, $4 step handlers, $5 names, $6 skippable, $7 retryable,
-- $8 retry limits, $9 timeouts.
insert into named_tasks_named_steps (named_task_id, step_no, named_step_id, step_handler_id, step_name, skippable,
                                     default_retryable, default_retry_limit, timeout_ms)
select * from unnest($1::integer[], $2::smallint[], $3::integer[], $4::integer[], $5::text[], $6::boolean[],
                     $7::boolean[], $8::integer[], $9::bigint[])
