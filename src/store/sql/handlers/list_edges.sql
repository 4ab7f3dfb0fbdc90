-- Lists the edges of a handler version. Locks nothing; walks the primary key. $1 handler version.
select from_step_no, to_step_no from named_task_edges where named_task_id = $1 order by from_step_no, to_step_no
