-- Takes steps that wait for a worker out of their queue, the longest waiting first, only those that the free slots here are
-- for. Skips what another server is taking. They come back if the transaction does not commit. Walks ready_steps_pkey and
-- tasks_pkey: as many rows as wait for other workers before the first that are wanted.
-- $1 queue id, $2 now, $3 at most, $4 handler versions or null for all, $5 and $6 steps that are not wanted: handler
-- versions, step numbers
delete from ready_steps
where ctid = any (array(
    select r.ctid
    from ready_steps r
    join tasks t on t.task_id = r.task_id
    where r.queue_id = $1 and r.visible_at <= $2
      and ($4::integer[] is null or t.named_task_id = any ($4))
      and not exists (
          select 1 from unnest($5::integer[], $6::smallint[]) as d (named_task_id, step_no)
          where d.named_task_id = t.named_task_id and d.step_no = r.step_no)
    order by r.queue_id, r.visible_at, r.task_id, r.step_no
    limit $3
    for update of r skip locked))
returning task_id, step_no, visible_at
