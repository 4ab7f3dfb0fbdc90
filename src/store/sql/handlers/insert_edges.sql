-- Inserts edges of handler versions. Locks nothing but the new rows.
-- $1 handler versions, $2 the steps that are waited for, $3 the steps that wait.
insert into named_task_edges (named_task_id, from_step_no, to_step_no)
select * from unnest($1::integer[], $2::smallint[], $3::smallint[])
