-- Puts steps into their queue. Walks ready_steps_pkey. $1 queue ids, $2 not before, $3 task ids, $4 step numbers
insert into ready_steps (queue_id, visible_at, task_id, step_no)
select * from unnest($1::int[], $2::timestamptz[], $3::uuid[], $4::smallint[])
on conflict do nothing
