-- Takes steps that wait for a worker out of their queue, the longest waiting first. Skips what another server
-- is taking. They come back if the transaction does not commit. Walks ready_steps_pkey, whose order it is.
-- $1 queue id, $2 now, $3 at most
delete from ready_steps
where ctid = any (array(
    select ctid from ready_steps
    where queue_id = $1 and visible_at <= $2
    order by queue_id, visible_at, task_id, step_no
    limit $3
    for update skip locked))
returning task_id, step_no, visible_at
